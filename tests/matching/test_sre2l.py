import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.evaluation.augment import MEAN, STD, normalize
from mgd3_kedro.matching.batch_norm import batch_norm_distances, frozen
from mgd3_kedro.matching.sre2l import Sre2lConfig, invert_teacher

CONFIG = Sre2lConfig(
    iterations=80,
    learning_rate=0.25,
    r_bn=0.05,
    first_bn_multiplier=10.0,
    crop_min_scale=0.08,
    flip_probability=0.5,
    jitter=2,
)
UNCHANGED = {"crop_min_scale": 1.0, "flip_probability": 0.0, "jitter": 0}
LABELS = torch.tensor([0, 1, 0, 1])


def new_teacher():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, padding=1, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


@pytest.fixture
def classes(coloured):
    """A red and a blue class, normalised, (200, 3, 8, 8) and labels."""
    images = torch.cat((coloured((200.0, 60.0, 60.0), 100), coloured((60.0, 60.0, 200.0), 100)))
    return normalize(images.float() / 255), torch.arange(2).repeat_interleave(100)


@pytest.fixture
def teacher(classes):
    """A network that has learnt the two classes and the statistics of their images."""
    torch.manual_seed(0)
    network = new_teacher()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for _ in range(30):
        optimizer.zero_grad()
        F.cross_entropy(network(classes[0]), classes[1]).backward()
        optimizer.step()
    optimizer.zero_grad()
    return network.eval()


def statistics_by_hand(network, inputs):
    """Distances of the first two layers' statistics, in numpy."""
    distances = []
    for layer in range(2):
        values = network[: 3 * layer + 1](inputs).detach().double().numpy()
        flat = values.transpose(1, 0, 2, 3).reshape(values.shape[1], -1)
        norm = network[3 * layer + 1]
        mean = np.sqrt(((flat.mean(1) - norm.running_mean.numpy()) ** 2).sum())
        variance = np.sqrt(((flat.var(1) - norm.running_var.numpy()) ** 2).sum())
        distances.append(mean + variance)
    return distances


def as_pixels(images):
    return normalize(images.float() / 255)


def test_distances_are_those_of_the_running_statistics(teacher):
    inputs = torch.randn(5, 3, 8, 8)
    with batch_norm_distances(teacher) as distances:
        teacher(inputs)
    assert list(distances) == [teacher[1], teacher[4]]
    expected = statistics_by_hand(teacher, inputs)
    assert np.allclose([each.item() for each in distances.values()], expected, rtol=1e-5)


def test_images_with_the_very_statistics_are_at_distance_zero(classes):
    network = new_teacher()
    for layer in (network[1], network[4]):
        layer.momentum = 1.0
    network(classes[0])
    # What training keeps is the unbiased variance.
    network.eval()
    for layer, count in ((network[1], 200 * 64), (network[4], 200 * 16)):
        layer.running_var *= (count - 1) / count
    with batch_norm_distances(network) as distances:
        # Statistics of the second layer were gathered behind the first one's own batch norm.
        network(classes[0])
    assert distances[network[1]].item() < 1e-5
    assert distances[network[4]].item() < 1e-3


def test_the_teacher_recognises_the_images_and_their_statistics(teacher):
    generator = torch.Generator().manual_seed(3)
    made = invert_teacher(teacher, LABELS, 8, CONFIG, generator)
    assert made.images.shape == (4, 3, 8, 8)
    assert made.images.dtype == torch.uint8
    assert made.losses.shape == (80,)
    assert made.losses[-10:].mean() < 0.5 * made.losses[:5].mean()
    logits = teacher(as_pixels(made.images)).detach()
    assert torch.equal(logits.argmax(1), LABELS)
    start = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    for after, before in zip(
        statistics_by_hand(teacher, as_pixels(made.images)),
        statistics_by_hand(teacher, start),
        strict=True,
    ):
        assert after < 0.5 * before


def test_images_take_the_colours_of_their_class(teacher):
    made = invert_teacher(teacher, LABELS, 8, CONFIG, torch.Generator().manual_seed(3))
    red, _, blue = made.images.float().mean((2, 3)).unbind(1)
    assert ((red > blue) == (LABELS == 0)).all()


def test_the_first_loss_is_that_of_the_noise(teacher):
    config = replace(CONFIG, **UNCHANGED, iterations=1)
    made = invert_teacher(teacher, LABELS, 8, config, torch.Generator().manual_seed(5))
    noise = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    first, second = statistics_by_hand(teacher, noise)
    cross_entropy = F.cross_entropy(teacher(noise), LABELS).item()
    loss = cross_entropy + 0.05 * (10 * first + second)
    assert made.losses.tolist() == pytest.approx([loss], rel=1e-5)


def test_pixels_go_the_way_of_adam(teacher):
    config = replace(CONFIG, **UNCHANGED, iterations=15, r_bn=0.0)
    made = invert_teacher(teacher, LABELS, 8, config, torch.Generator().manual_seed(5))
    pixels = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    first, second = torch.zeros_like(pixels), torch.zeros_like(pixels)
    for step in range(15):
        pixels.requires_grad_()
        loss = F.cross_entropy(teacher(pixels), LABELS)
        (gradient,) = torch.autograd.grad(loss, pixels)
        first = 0.5 * first + 0.5 * gradient
        second = 0.9 * second + 0.1 * gradient**2
        corrected = first / (1 - 0.5 ** (step + 1))
        scale = (second / (1 - 0.9 ** (step + 1))).sqrt() + 1e-8
        rate = 0.25 * (1 + math.cos(math.pi * step / 15)) / 2
        colours = (pixels.detach() - rate * corrected / scale) * std + mean
        pixels = (colours.clamp(0, 1) - mean) / std
    expected = ((pixels * std + mean) * 255).round()
    assert (made.images.float() - expected).abs().max() <= 1


def test_the_rate_falls_as_half_a_cosine():
    rates = [CONFIG.learning_rate_at(step) for step in (0, 20, 40, 80)]
    assert rates == pytest.approx([0.25, 0.25 * (1 + math.sqrt(0.5)) / 2, 0.125, 0.0])


def seen_by(teacher, config, seed, labels=LABELS):
    """Return the batches that a teacher sees of an inversion."""
    seen = []
    handle = teacher.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    invert_teacher(teacher, labels, 8, config, torch.Generator().manual_seed(seed))
    handle.remove()
    return [batch.clone() for batch in seen if len(batch) == len(labels)]


def test_a_batch_is_rolled_alike_by_at_most_the_jitter(teacher):
    config = replace(CONFIG, **UNCHANGED | {"jitter": 3}, iterations=1)
    shifts = set()
    for seed in range(40):
        (batch,) = seen_by(teacher, config, seed)
        noise = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        possible = [(down, right) for down in range(8) for right in range(8)]
        rolled = [shift for shift in possible if torch.allclose(batch, noise.roll(shift, (2, 3)))]
        assert len(rolled) == 1
        shifts |= set(rolled)
    assert {down for down, _ in shifts} == {right for _, right in shifts} == {0, 1, 2, 3}


def test_a_batch_is_mirrored_alike(teacher):
    noise = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    mirrored = replace(CONFIG, **UNCHANGED | {"flip_probability": 1.0}, iterations=1)
    assert torch.allclose(seen_by(teacher, mirrored, 0)[0], noise.flip(3), atol=1e-6)


def test_one_crop_serves_a_whole_batch(teacher):
    labels = torch.zeros(30, dtype=torch.int64)
    config = replace(CONFIG, iterations=1)
    (batch,) = seen_by(teacher, config, 0, labels)
    noise = torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(batch, noise, atol=0.1)
    # One linear map takes the 64 places of all 90 channels to where they went.
    before, after = (images.flatten(2).flatten(0, 1).T for images in (noise, batch))
    places = after @ torch.linalg.pinv(before)
    assert torch.allclose(places @ before, after, atol=1e-3)


def test_every_update_draws_another_crop(teacher):
    config = replace(CONFIG, iterations=4, learning_rate=1e-12)
    batches = seen_by(teacher, config, 0)
    assert len(batches) == 4
    assert not any(torch.allclose(batches[0], other, atol=1e-3) for other in batches[1:])


def test_pixels_stay_colours_throughout(teacher):
    config = replace(CONFIG, **UNCHANGED, iterations=20, learning_rate=5.0)
    low, high = ((end - torch.tensor(MEAN)) / torch.tensor(STD) for end in (0.0, 1.0))
    for batch in seen_by(teacher, config, 0)[1:]:
        extremes = batch.amin((0, 2, 3)), batch.amax((0, 2, 3))
        assert (extremes[0] >= low - 1e-4).all()
        assert (extremes[1] <= high + 1e-4).all()


def test_the_generator_decides(teacher):
    made, again, other = (
        invert_teacher(
            teacher, LABELS, 8, replace(CONFIG, iterations=5), torch.Generator().manual_seed(seed)
        )
        for seed in (1, 1, 2)
    )
    assert all(map(torch.equal, made, again))
    assert not torch.equal(made.images, other.images)


def test_the_teacher_is_left_as_it_was(teacher):
    teacher.train()
    teacher[1].eval()
    teacher[0].bias.requires_grad_(False)
    before = {name: values.clone() for name, values in teacher.state_dict().items()}
    modes = [module.training for module in teacher.modules()]
    invert_teacher(teacher, LABELS, 8, replace(CONFIG, iterations=3), torch.Generator())
    assert all(torch.equal(values, before[name]) for name, values in teacher.state_dict().items())
    assert [module.training for module in teacher.modules()] == modes
    learning = [weights.requires_grad for weights in teacher.parameters()]
    assert learning == [name != "0.bias" for name, _ in teacher.named_parameters()]
    assert all(weights.grad is None for weights in teacher.parameters())
    assert not any(module._forward_pre_hooks for module in teacher.modules())


def test_the_teacher_is_restored_after_an_error(teacher):
    teacher.train()
    with frozen(teacher):
        assert not teacher.training
        assert not teacher[0].weight.requires_grad
    with pytest.raises(RuntimeError, match="channels"), frozen(teacher):
        teacher(torch.zeros(1, 5, 8, 8))
    assert teacher.training
    assert teacher[0].weight.requires_grad


@pytest.mark.parametrize(
    "norm", [nn.GroupNorm(6, 6), nn.Identity(), nn.BatchNorm2d(6, track_running_stats=False)]
)
def test_a_teacher_that_remembers_no_statistics_is_refused(norm):
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3), norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)
    )
    with pytest.raises(ValueError, match="teacher: expected a network with batch norm"):
        invert_teacher(network, LABELS, 8, CONFIG, torch.Generator())


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (torch.tensor([0, 2]), r"labels: expected 0\.\.1, the teacher's, got 0\.\.2"),
        (torch.tensor([-1, 0]), r"labels: expected 0\.\.1, the teacher's, got -1\.\.0"),
        (torch.tensor([0.0, 1.0]), "labels: expected int64 .* got torch.float32"),
        (torch.zeros(0, dtype=torch.int64), r"labels: expected .* with B > 0, .*\(0,\)"),
        (torch.tensor(1), r"labels: expected .* shape \(\)"),
    ],
)
def test_labels_the_teacher_does_not_know_are_refused(labels, complaint, teacher):
    with pytest.raises(ValueError, match=complaint):
        invert_teacher(teacher, labels, 8, CONFIG, torch.Generator())


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": 0},
        {"learning_rate": 0.0},
        {"r_bn": -0.1},
        {"first_bn_multiplier": -1.0},
        {"crop_min_scale": 0.0},
        {"flip_probability": 1.1},
        {"jitter": -1},
        {"jitter": 1.5},
    ],
)
def test_settings_no_inversion_can_run_with_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        replace(CONFIG, **wrong)
