import numpy as np
import pytest

from mgd3_kedro.backbones.samplers import SAMPLERS, total_pull
from mgd3_kedro.backbones.schedule import respaced_schedule


def shares_of(steps):
    """Return (before, now) of the steps in the noisier half of the timesteps, from the betas on."""
    kept = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    timesteps = np.round(np.linspace(0, 999, steps)).astype(int)
    noisy = timesteps[1:] > 999 / 2
    return kept[timesteps][:-1][noisy], kept[timesteps][1:][noisy]


@pytest.mark.parametrize("steps", [2, 25, 50])
def test_the_total_pull_is_the_sum_over_the_steps_where_guidance_acts(steps):
    before, now = shares_of(steps)
    deviations = np.sqrt((1 - now / before) * (1 - before) / (1 - now))
    per_clean = np.sqrt(before) - np.sqrt((1 - before) * now / (1 - now))
    schedule = respaced_schedule(steps)
    assert total_pull(SAMPLERS["ddpm"], schedule) == pytest.approx(deviations.sum(), rel=1e-5)
    assert total_pull(SAMPLERS["ddim"], schedule) == pytest.approx(per_clean.sum(), rel=1e-5)
