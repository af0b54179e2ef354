"""Models on a graphics card: the host does not wait for it within a step or between slices."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest
import torch
from cards import NAME

from mgd3_kedro.backbones import BACKBONES, load_autoencoder, load_backbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.records import ModelFolder

NOTHING = Counter()
STEPS = 4


@pytest.fixture
def save(request):
    """Return what saves a tiny model of a family: latents (4, 8, 8), images of 16."""
    return lambda name: ModelFolder(request.getfixturevalue(f"save_{name}")(), "card", name)


@pytest.fixture
def load_on_card(save, card, make_diffusion):
    """Load a tiny model of a family on the card."""

    def load(name, **changes):
        return load_backbone(
            save(name), make_diffusion(device=NAME, num_inference_steps=STEPS, **changes)
        )

    return load


@pytest.mark.parametrize("name", BACKBONES)
def test_the_host_does_not_wait_within_a_step_of_any_model(name, load_on_card, card, make_classes):
    backbone = load_on_card(name)
    conditions = backbone.conditions(make_classes([0, 0, 1]))
    backbone.denoiser.null_condition()  # prompts are encoded once
    latents = torch.randn(3, 4, 8, 8).to(NAME)
    for sampler, index in itertools.product(SAMPLERS, (STEPS - 1, 0)):
        drawing = replace(backbone, config=replace(backbone.config, sampler=sampler))
        step, waits = card.watch(drawing.step, index, latents, conditions)
        assert waits == NOTHING, (sampler, index)
        tensors = [value for value in vars(step).values() if isinstance(value, torch.Tensor)]
        assert {value.device for value in tensors} == {backbone.device}
        assert step.prev_mean.shape == latents.shape


@pytest.mark.parametrize("name", BACKBONES)
def test_the_host_does_not_wait_for_what_any_model_sees(name, load_on_card, card, make_classes):
    backbone = load_on_card(name)
    conditions = backbone.conditions(make_classes([0, 0, 1]))
    latents = torch.randn(3, 4, 8, 8).to(NAME)
    seen, waits = card.watch(backbone.features, 1, latents, conditions, 0.3)
    assert waits == NOTHING
    assert seen.device == backbone.device
    assert seen.shape[0] == 3


@pytest.mark.parametrize("name", BACKBONES)
def test_the_host_waits_once_however_many_slices_there_are(name, save, card, make_autoencoding):
    autoencoder = load_autoencoder(save(name), make_autoencoding(device=NAME))
    size = autoencoder.slice_size

    def encode(count):
        images = torch.zeros(count, 3, 16, 16, dtype=torch.uint8)
        assert autoencoder.encode(images).device == torch.device("cpu")

    def decode(count):
        images = autoencoder.decode(torch.zeros(count, 4, 8, 8), 24)
        assert images.device == torch.device("cpu")
        assert images.shape == (count, 3, 24, 24)

    for compute in (encode, decode):
        (_, few), (_, many) = (card.watch(compute, count) for count in (size, 2 * size + 1))
        assert few == many != NOTHING


class Looking:
    """A denoiser that looks at what it is given."""

    def __init__(self, denoiser, look):
        self.denoiser = denoiser
        self.look = look

    def null_condition(self):
        return self.denoiser.null_condition()

    def predict(self, latents, timesteps, conditions, change=None):
        self.look(latents)
        return self.denoiser.predict(latents, timesteps, conditions, change)


LOOKS = {
    "item": lambda latents: latents.sum().item(),
    "float": lambda latents: float(latents[0, 0, 0, 0]),
    "if": lambda latents: 1 if latents.isfinite().all() else 0,
    "cpu": lambda latents: latents.cpu(),
    "copy": lambda latents: torch.tensor([1.0], device=latents.device),
    "boolean index": lambda latents: latents[latents > 0],
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_into_a_step_is_found(look, load_on_card, card, make_classes):
    backbone = load_on_card("dit")
    looking = replace(backbone, denoiser=Looking(backbone.denoiser, LOOKS[look]))
    conditions = backbone.conditions(make_classes([0, 1]))
    latents = torch.randn(2, 4, 8, 8).to(NAME)
    _, waits = card.watch(looking.step, 1, latents, conditions)
    (place,) = waits
    assert place.startswith("test_backbones_on_a_card.py:")


def test_a_tensor_that_was_left_on_the_cpu_is_found(load_on_card, make_classes):
    backbone = load_on_card("dit")
    conditions = backbone.conditions(make_classes([0, 1]))
    with pytest.raises(RuntimeError, match="same device"):
        backbone.step(1, torch.randn(2, 4, 8, 8).to(NAME), conditions).std + torch.ones(2, 1, 1, 1)
