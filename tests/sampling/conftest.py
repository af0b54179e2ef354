import pytest
import torch

from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling import SamplingConfig


class StandingStill:
    """A backbone whose steps leave a sample as it is, so that what else moves it can be counted."""

    latent_shape = (1, 2, 2)
    device = torch.device("cpu")
    trained_timesteps = 1000
    embedding_shape = (4,)

    def __init__(self, timestep_spacing="linspace"):
        self.timesteps = tuple(respaced_schedule(50, None, timestep_spacing).timesteps.tolist())
        self.visited = []
        self.changes = []

    def conditions(self, classes):
        return torch.zeros(len(classes))

    def step(self, index, latents, conditions, change=None):
        self.visited.append(index)
        self.changes.append(change)
        zeros = torch.zeros_like(latents)
        return DenoisingStep(
            latents, zeros, zeros, torch.ones_like(latents), 1.0, 0.5, index, latents
        )

    def add_noise(self, latents, noise, index):
        return 1000.0 * (index + 1) + latents + noise


@pytest.fixture
def standing_still():
    return StandingStill()


@pytest.fixture
def make_standing_still():
    return StandingStill


@pytest.fixture
def make_sampling():
    """Return a sampling configuration with some fields changed."""

    def make(**changes):
        settings = {
            "initial_latents": "noise",
            "noise_strength": 0.7,
            "mode_guidance_scale": 0.1,
            "mode_guidance_schedule": "constant",
            "stop_guidance_step": 25,
            "stop_guidance_timestep": None,
        }
        return SamplingConfig(**(settings | changes))

    return make
