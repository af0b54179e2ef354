"""What is wrong with sampling a model, and what to do about it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mgd3_kedro.backbones import (
    BackboneConfig,
    check_features,
    latent_side_of,
    settle_settings,
)
from mgd3_kedro.backbones.early_start import describe_early_start
from mgd3_kedro.backbones.schedule import read_trained_schedule
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.sampling.guidance.pull import cells_along

logger = logging.getLogger(__name__)


def try_sampling(
    model: ModelFolder,
    diffusion: BackboneConfig,
    from_noise: bool,
    grid: int | None = None,
    sighted: Sequence[str] = (),
) -> None:
    """Refuse settings that are not for a model, and warn of a start that is not noise to it.

    Args:
        model: Where it is.
        diffusion: How it is sampled.
        from_noise: Whether samples start from noise alone.
        grid: Cells per side that the pull is averaged over; None for none.
        sighted: Settings by which its network is asked what it sees.

    Raises:
        ValueError: Naming the setting.
        FileNotFoundError: If the model has no noise schedule.
    """
    settle_settings(model, diffusion)
    trained = read_trained_schedule(model.path / "scheduler")
    steps, spacing = diffusion.num_inference_steps, diffusion.timestep_spacing
    if grid is not None:
        cells_along(grid, latent_side_of(model))
    for name in sighted:
        check_features(model, name)
    if from_noise and (remark := describe_early_start(steps, trained, spacing)):
        logger.warning(remark)


def describe_unguided(sampling: SamplingConfig, steps: int) -> str | None:
    """Say that guidance is asked for and reaches none of T steps; None if it does."""
    if not sampling.is_never_guided(steps):
        return None
    return (
        f"no step is guided: guidance stops at step {sampling.stop_guidance_step} of {steps}, the "
        "first is the last of these; lower sampling.stop_guidance_step, or name the number of "
        "steps it was chosen for with diffusion.reference_steps"
    )


def advise_on_samples(diffusion: BackboneConfig) -> str:
    """Say what to do about samples that are not finite."""
    return (
        "lower the guidance scales, check the weights, or use another precision than "
        f"diffusion.precision={diffusion.precision}"
    )
