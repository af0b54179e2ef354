"""How often models are compiled while batches of several sizes go through them."""

from dataclasses import replace

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from mgd3_kedro.backbones import BACKBONES, load_autoencoder, load_backbone
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.timing import time_samples

STEPS = 4
SIZES = (24, 40, 7, 40, 1)
"""Images at once; on a CPU, 48, 80, 16, 80 and 16 rows with classifier-free guidance."""


@pytest.fixture
def compiled(monkeypatch):
    """Have models compiled by what only counts how often it is asked to."""
    counter = CompileCounter()
    compile_module = torch.nn.Module.compile

    def compile_with_counter(module, **options):
        compile_module(module, backend=counter, **options)

    monkeypatch.setattr(torch.nn.Module, "compile", compile_with_counter)
    torch.compiler.reset()
    yield counter
    torch.compiler.reset()


@pytest.fixture
def save(request):
    """Return what saves a tiny model of a family: latents (4, 8, 8), images of 16."""
    return lambda name: ModelFolder(request.getfixturevalue(f"save_{name}")(), "steady", name)


@pytest.fixture
def load(save, make_diffusion, compiled):
    """Load a tiny model of a family that is compiled."""

    def load_compiled(name, **changes):
        asked = {"compile": True, "num_inference_steps": STEPS, **changes}
        # The process would keep a model that was compiled for another test.
        load_backbone.cache_clear()
        return load_backbone(save(name), make_diffusion(**asked))

    return load_compiled


def take_steps(backbone, classes, count):
    """Return the means of the first and the last step of some images."""
    conditions = backbone.conditions([classes[i % len(classes)] for i in range(count)])
    latents = torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(count))
    return [backbone.step(index, latents, conditions).prev_mean for index in (STEPS - 1, 0)]


@pytest.mark.parametrize("name", BACKBONES)
def test_smaller_batches_do_not_have_a_network_compiled_again(name, load, compiled, make_classes):
    backbone, classes = load(name), make_classes([0, 1])
    take_steps(backbone, classes, 40)
    before = compiled.frame_count
    assert before > 0
    for count in SIZES:
        take_steps(backbone, classes, count)
    assert compiled.frame_count == before


def test_a_larger_batch_has_it_compiled_once_more(load, compiled, make_classes):
    backbone, classes = load("dit"), make_classes([0, 1])
    counts = []
    for count in (8, *SIZES):
        take_steps(backbone, classes, count)
        counts.append(compiled.frame_count)
    assert counts[-1] == counts[2]


def test_rows_that_are_added_change_no_image(load, make_classes):
    backbone, classes = load("dit"), make_classes([0, 1])
    plain = replace(backbone, config=replace(backbone.config, compile=False))
    take_steps(backbone, classes, 40)
    with torch.compiler.set_stance("force_eager"):
        for count in SIZES:
            pairs = zip(
                take_steps(backbone, classes, count), take_steps(plain, classes, count), strict=True
            )
            for padded, alone in pairs:
                assert padded.shape == (count, 4, 8, 8)
                assert torch.equal(padded, alone)


def test_steps_without_guidance_have_half_the_rows(load, compiled, make_classes):
    interval = load("dit", cfg_from_timestep=500)
    classes, seen = make_classes([0, 1]), []
    forward = interval.denoiser.predict

    def predict(latents, *others):
        seen.append(len(latents))
        return forward(latents, *others)

    watched = replace(interval, denoiser=Watched(interval.denoiser, predict))
    for count in (40, 7):
        take_steps(watched, classes, count)
    assert seen == [80, 48, 80, 48]


class Watched:
    """A network whose predictions are another function's."""

    def __init__(self, denoiser, predict):
        self._denoiser = denoiser
        self.predict = predict

    def __getattr__(self, name):
        return getattr(self._denoiser, name)


@pytest.mark.parametrize("name", BACKBONES)
def test_an_autoencoder_is_compiled_once_for_each_half(name, save, compiled, make_autoencoding):
    load_autoencoder.cache_clear()
    autoencoder = load_autoencoder(save(name), make_autoencoding(compile=True))
    images = torch.zeros(40, 3, 16, 16, dtype=torch.uint8)
    latents = torch.zeros(40, 4, 8, 8)
    counts = []
    for count in (40, 7, 16, 1):
        autoencoder.encode(images[:count])
        autoencoder.decode(latents[:count])
        autoencoder.decode(latents[:count], 24)
        counts.append(compiled.frame_count)
    assert counts == counts[:1] * 4
    assert counts[0] >= 2


def test_a_model_that_is_timed_before_a_run_is_not_compiled_for_it(load, compiled, make_classes):
    backbone = load("dit")
    assert time_samples(lambda: take_steps(backbone, make_classes([0, 1]), 16)) > 0
    assert compiled.frame_count == 0
