import pytest
import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling import SamplingConfig


class StandingStill:
    """A backbone whose steps leave a sample as it is, so that what else moves it can be counted."""

    latent_shape = (1, 2, 2)
    num_classes = 3
    num_inference_steps = 50

    def __init__(self):
        self.visited = []

    def step(self, index, latents, classes):
        self.visited.append(index)
        zeros = torch.zeros_like(latents)
        return DenoisingStep(latents, zeros, zeros, torch.ones_like(latents))

    def add_noise(self, latents, noise, index):
        return 1000.0 * (index + 1) + latents + noise


@pytest.fixture
def standing_still():
    return StandingStill()


@pytest.fixture
def make_sampling():
    """Return a sampling configuration with some fields changed."""

    def make(**changes):
        settings = {
            "initial_latents": "noise",
            "noise_strength": 0.7,
            "mode_guidance_scale": 0.1,
            "stop_guidance_step": 25,
        }
        return SamplingConfig(**(settings | changes))

    return make
