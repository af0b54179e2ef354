from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.networks import NETWORKS
from mgd3_kedro.evaluation.networks.layers import Classifier
from mgd3_kedro.matching.dm import DmConfig, match_distribution

CONFIG = DmConfig(
    network="convnet1",
    iterations=12,
    learning_rate=0.05,
    momentum=0.5,
    batch_real=16,
    strategy="color_crop_cutout_flip_scale_rotate",
    device="cpu",
)


@pytest.fixture
def flat(monkeypatch):
    """A network whose embedding is the image itself, and settings that leave images as they are."""
    monkeypatch.setitem(
        NETWORKS, "flat", lambda classes, size: Classifier(nn.Flatten(), 3 * size**2, classes)
    )
    return replace(CONFIG, network="flat", strategy="flip", batch_real=100)


def centred(images):
    return normalize(images.float() / 255).double()


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_with_a_linear_embedding_the_mean_follows_its_recursion(momentum, flat, coloured, seeded):
    real = coloured((120.0, 90.0, 140.0), 30)
    config = replace(flat, momentum=momentum, learning_rate=0.4, iterations=8)
    made = match_distribution(real, 4, config, seeded())
    # Of the distance d of the means, a step of every image by rate * 2 d / ipc.
    distance, velocity, losses = 1.0, 0.0, []
    for _ in range(8):
        losses.append(distance**2)
        velocity = momentum * velocity + 2 * distance / 4
        distance -= 0.4 * velocity
    ratios = (made.losses / made.losses[0]).numpy()
    assert np.allclose(ratios, losses, rtol=1e-3)


def test_the_mean_of_the_images_becomes_that_of_the_class(flat, coloured, seeded):
    real = coloured((120.0, 90.0, 140.0), 30)
    before = match_distribution(real, 3, replace(flat, learning_rate=1e-9), seeded()).images
    config = replace(flat, learning_rate=0.7, momentum=0.0, iterations=20)
    after = match_distribution(real, 3, config, seeded()).images
    target = real.float().mean(0)
    assert (before.float().mean(0) - target).abs().max() > 20
    # Rounding to bytes is all that is left.
    assert (after.float().mean(0) - target).abs().max() < 0.6


def test_images_start_as_distinct_real_ones(coloured, seeded):
    real = coloured((120.0, 90.0, 140.0), 30)
    config = replace(CONFIG, learning_rate=1e-12, iterations=1)
    made = match_distribution(real, 10, config, seeded()).images
    rows = [(real == image).flatten(1).all(1).nonzero().item() for image in made]
    assert len(set(rows)) == 10
    assert rows != sorted(rows)


@pytest.mark.parametrize("strategy", ["color", "crop", "cutout", "flip", "scale", "rotate"])
def test_real_and_synthetic_images_are_augmented_alike(strategy, coloured, seeded):
    real = coloured((120.0, 90.0, 140.0), 6)
    config = replace(CONFIG, strategy=strategy, learning_rate=1e-12, iterations=4)
    assert match_distribution(real, 6, config, seeded()).losses.max() < 1e-8


def test_the_loss_falls(coloured, seeded):
    real = coloured((160.0, 60.0, 120.0), 40)
    config = replace(CONFIG, iterations=40, learning_rate=0.5)
    losses = match_distribution(real, 2, config, seeded()).losses
    assert losses.shape == (40,)
    assert losses[-10:].mean() < 0.5 * losses[:5].mean()


def test_the_generator_decides_everything_and_the_global_one_stays(coloured, seeded):
    real = coloured((160.0, 60.0, 120.0), 40)
    before = torch.get_rng_state()
    made = match_distribution(real, 2, CONFIG, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    again = match_distribution(real, 2, CONFIG, seeded())
    assert all(map(torch.equal, made, again))
    assert not torch.equal(match_distribution(real, 2, CONFIG, seeded(1)).images, made.images)


def test_every_update_draws_another_network(coloured, seeded):
    real = coloured((160.0, 60.0, 120.0), 40)
    config = replace(CONFIG, learning_rate=1e-12, strategy="flip", batch_real=40, iterations=6)
    losses = match_distribution(real, 2, config, seeded()).losses.tolist()
    assert len(set(losses)) == 6


def test_images_are_bytes_of_the_size_of_the_real_ones(coloured, seeded):
    made = match_distribution(coloured((160.0, 60.0, 120.0), 5, size=12), 3, CONFIG, seeded())
    assert made.images.shape == (3, 3, 12, 12)
    assert made.images.dtype == torch.uint8


def test_an_optimisation_that_diverges_is_stopped(flat, coloured, seeded):
    real = coloured((160.0, 60.0, 120.0), 5)
    config = replace(flat, learning_rate=1e9, iterations=20)
    with pytest.raises(FloatingPointError, match=r"DM: .*lower methods\.NAME\.learning_rate$"):
        match_distribution(real, 1, config, seeded())


def test_more_images_than_there_are_and_other_shapes_are_refused(coloured, seeded):
    real = coloured((160.0, 60.0, 120.0), 5)
    with pytest.raises(ValueError, match=r"ipc: expected at least 6 .*got 5"):
        match_distribution(real, 6, CONFIG, seeded())
    with pytest.raises(ValueError, match="real: expected uint8"):
        match_distribution(real.float(), 2, CONFIG, seeded())


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"network": "convnet0"}, "unknown network 'convnet0'"),
        ({"iterations": 0}, "iterations: expected"),
        ({"learning_rate": 0}, "learning_rate: expected"),
        ({"momentum": 1.5}, "momentum: expected"),
        ({"batch_real": 0}, "batch_real: expected"),
        ({"strategy": "color_blur"}, "unknown siamese operation 'blur'"),
        ({"device": "gpu"}, "device: expected one of"),
    ],
)
def test_settings_no_optimisation_can_run_with_are_refused(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(CONFIG, **wrong)
