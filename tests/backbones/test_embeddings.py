"""Embeddings of conditions that are changed within the networks of every family."""

from dataclasses import replace

import pytest
import torch

from mgd3_kedro.backbones import load_backbone
from mgd3_kedro.backbones.base import ConditionChange
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator

MODELS = {
    "dit": ("dit", {}),
    "labels": ("latent_diffusion", {"kind": "labels"}),
    "attention": ("latent_diffusion", {"kind": "attention"}),
    "stable_diffusion": ("stable_diffusion", {}),
}
"""Name -> family, and how a tiny model of it is saved."""
ASKED, OTHERS = [3, 0, 6], [1, 5, 2]
ANNEALED = SamplingConfig("noise", 1.0, 0.1, "constant", 2, None, condition_noise=0.5)


@pytest.fixture
def load(request, make_diffusion):
    """Load a tiny model."""

    def make(name, **changes):
        family, saved = MODELS[name]
        folder = request.getfixturevalue(f"save_{family}")(**saved)
        return load_backbone(
            ModelFolder(folder, f"embeddings of {name}", family), changes_of(changes)
        )

    def changes_of(changes):
        return make_diffusion(**{"num_inference_steps": 6, "cfg_channels": None, **changes})

    return make


@pytest.fixture
def make_change(make_classes):
    """Return what embeddings become, the other conditions being those of other classes."""

    def make(backbone, transform, noise=None, times=1):
        asked = backbone.conditions(make_classes(OTHERS * times))
        others = torch.cat([asked, backbone.denoiser.null_condition().expand_as(asked)])
        if noise is None:
            noise = torch.zeros(len(others), *backbone.embedding_shape)
        return ConditionChange(transform, noise, others)

    return make


def take_other(embedding, noise, other):
    assert embedding.shape == noise.shape == other.shape
    return other


def add_noise(embedding, noise, other):
    return embedding + noise


def rows_that_differ(one, other):
    return (one.prev_mean != other.prev_mean).flatten(1).any(1).tolist()


@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("name", MODELS)
def test_embeddings_of_another_class_everywhere_make_the_step_of_that_class(
    name, scale, load, make_change, make_classes
):
    # So many that rows of a U-Net are split, and rows of no class are not those of padding.
    backbone, latents = load(name, guidance_scale=scale), torch.randn(27, 4, 8, 8)
    asked, others = (backbone.conditions(make_classes(each * 9)) for each in (ASKED, OTHERS))
    step = backbone.step(4, latents, asked, make_change(backbone, take_other, times=9))
    expected = backbone.step(4, latents, others)
    assert torch.equal(step.prev_mean, expected.prev_mean)
    assert rows_that_differ(step, backbone.step(4, latents, asked)) == [True] * 27


@pytest.mark.parametrize("name", MODELS)
def test_the_noise_of_a_row_reaches_its_own_sample_alone(name, load, make_change, make_classes):
    backbone, latents = load(name), torch.randn(3, 4, 8, 8)
    asked = backbone.conditions(make_classes(ASKED))
    plain = backbone.step(4, latents, asked)
    unguided = replace(backbone, config=replace(backbone.config, guidance_scale=1.0))
    alone = unguided.step(4, latents, asked)
    for row in range(6):
        noise = torch.zeros(6, *backbone.embedding_shape)
        noise[row] = torch.randn(backbone.embedding_shape)
        change = make_change(backbone, add_noise, noise)
        reached = rows_that_differ(backbone.step(4, latents, asked, change), plain)
        assert reached == [sample == row % 3 for sample in range(3)]
        reached = rows_that_differ(unguided.step(4, latents, asked, change), alone)
        assert reached == [sample == row for sample in range(3)]


@pytest.mark.parametrize("name", MODELS)
def test_the_network_is_as_before_after_a_step_even_if_that_fails(
    name, load, make_change, make_classes
):
    backbone, latents = load(name), torch.randn(3, 4, 8, 8)
    asked = backbone.conditions(make_classes(ASKED))
    before = backbone.step(4, latents, asked)

    def fail(*embeddings):
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        backbone.step(4, latents, asked, make_change(backbone, fail))
    assert torch.equal(backbone.step(4, latents, asked).prev_mean, before.prev_mean)


@pytest.mark.parametrize("name", MODELS)
def test_an_image_whose_class_comes_in_has_the_same_bits_in_every_batch(name, load, make_classes):
    backbone, indices = load(name), [3, 0, 6, 3, 1, 0, 5] * 4
    modes = torch.randn(len(indices), 4, 8, 8)

    def draw(rows):
        classes = make_classes([indices[row] for row in rows])
        generators = [image_generator(0, indices[row], row) for row in rows]
        among = make_classes(range(7))
        return denoise(backbone, modes[rows], classes, ANNEALED, generators, among=among)

    together = draw(range(len(indices)))
    assert together.isfinite().all()
    for rows in ([5], [27, 2, 11], range(3, 20)):
        assert torch.equal(draw(rows), together[rows])
    plain = replace(ANNEALED, condition_noise=0)
    classes, generators = make_classes(indices[:1]), [image_generator(0, indices[0], 0)]
    assert not torch.equal(denoise(backbone, modes[:1], classes, plain, generators), together[:1])


@pytest.mark.parametrize("name", MODELS)
def test_embeddings_of_half_precision_are_changed_too(name, load, make_classes):
    backbone = load(name, precision="bf16")
    classes, generators = make_classes(ASKED), [image_generator(0, row, 0) for row in range(3)]
    modes = torch.randn(3, 4, 8, 8)
    made = denoise(backbone, modes, classes, ANNEALED, generators, among=classes)
    assert made.isfinite().all()


def test_a_compiled_network_which_would_not_notice_is_refused(load, make_change, make_classes):
    backbone = load("dit")
    compiled = replace(backbone, config=replace(backbone.config, compile=True))
    asked, latents = backbone.conditions(make_classes(ASKED)), torch.randn(3, 4, 8, 8)
    with pytest.raises(ValueError, match=r"^compile: expected false, .*diffusion\.compile=false$"):
        compiled.step(4, latents, asked, make_change(backbone, take_other))
