"""The reverse process on a graphics card: the host waits for its images, and not for a step."""

from collections import Counter

import pytest
import torch
from cards import NAME

from mgd3_kedro.sampling import (
    INITIAL_LATENTS,
    denoise,
    gather_facts,
    image_generator,
    survey_class,
)
from mgd3_kedro.sampling.conditionings import CONDITIONINGS
from mgd3_kedro.sampling.coupling import NOISE_COUPLINGS
from mgd3_kedro.sampling.guidance import DRIFTS, TRAITS
from mgd3_kedro.sampling.guidance.gains import GAINS

CLASSES = [0, 0, 0, 1, 1]


@pytest.fixture
def waits_of_steps(card, make_dit, make_classes, make_sampling):
    """Return where the host waits for the card in one more step of the reverse process."""

    def run(**changes):
        config = make_sampling(stop_guidance_step=0, noise_strength=1.0, **changes)
        modes, classes = torch.randn(5, 4, 8, 8), make_classes(CLASSES)
        real = torch.randn(30, 4, 8, 8)
        traits = survey_class(real, modes, config)
        found = {"modes": modes, "assignment": torch.arange(30) % 5}
        facts = {spec: gather_facts(real, found, 0, config) for spec in classes}

        def draw(steps):
            backbone = make_dit(device=NAME, num_inference_steps=steps)
            generators = [image_generator(0, 0, image) for image in range(5)]

            given = (backbone, modes, classes, config, generators, traits, facts, classes)
            latents, waits = card.watch(denoise, *given)
            assert latents.device == torch.device("cpu")
            assert latents.shape == modes.shape
            return waits

        few, many = draw(2), draw(3)
        assert few.total() > 0
        return many - few

    return run


@pytest.mark.parametrize("drift", DRIFTS)
def test_the_host_waits_for_no_step_with_any_drift(drift, waits_of_steps):
    scales = dict.fromkeys(DRIFTS, 0.0) | {drift: 0.1}
    assert waits_of_steps(**scales) == Counter()


@pytest.mark.parametrize("gain", GAINS)
def test_the_host_waits_for_no_step_with_any_gain(gain, waits_of_steps):
    assert waits_of_steps(mode_guidance_gain=gain) == Counter()


@pytest.mark.parametrize("conditioning", [*filter(None, CONDITIONINGS)])
def test_the_host_waits_for_no_step_with_any_conditioning(conditioning, waits_of_steps):
    assert waits_of_steps(**{conditioning: 0.1}) == Counter()


@pytest.mark.parametrize("trait", TRAITS)
def test_the_host_waits_for_no_step_with_any_trait(trait, waits_of_steps):
    assert waits_of_steps(**{trait: 1}) == Counter()


@pytest.mark.parametrize("start", INITIAL_LATENTS)
@pytest.mark.parametrize("coupling", NOISE_COUPLINGS)
def test_the_host_waits_for_no_step_from_any_start(start, coupling, waits_of_steps):
    assert waits_of_steps(initial_latents=start, noise_coupling=coupling) == Counter()
