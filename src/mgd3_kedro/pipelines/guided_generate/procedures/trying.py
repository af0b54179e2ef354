"""Checks of sampling settings against a model."""

from __future__ import annotations

import logging

from mgd3_kedro.backbones import (
    BackboneConfig,
    check_features,
    latent_side_of,
    settle_settings,
)
from mgd3_kedro.backbones.early_start import describe_early_start
from mgd3_kedro.backbones.schedule import read_trained_schedule, respaced_schedule
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.sampling.guidance.pull import cells_along

logger = logging.getLogger(__name__)


def try_sampling(model: ModelFolder, diffusion: BackboneConfig, sampling: SamplingConfig) -> None:
    """Check that settings are valid for a model, and log warnings about ineffective settings.

    There is a warning if sampling starts from noise at a timestep where the model expects a signal,
    and if guidance acts on no step.

    Args:
        model: Folder of the model.
        diffusion: Configuration of the backbone.
        sampling: Start and guidance of sampling.

    Raises:
        ValueError: If a setting is invalid for the model; the message names it.
        FileNotFoundError: If the model has no noise schedule.
    """
    settle_settings(model, diffusion)
    trained = read_trained_schedule(model.path / "scheduler")
    steps, spacing = diffusion.num_inference_steps, diffusion.timestep_spacing
    if (grid := sampling.options["pull_pool"]) is not None:
        cells_along(grid, latent_side_of(model))
    for name in sampling.needing_network:
        check_features(model, name)
    if sampling.starts_from_noise and (told := describe_early_start(steps, trained, spacing)):
        logger.warning(told)
    timesteps = respaced_schedule(steps, trained, spacing).timesteps.tolist()
    if sampling.is_never_guided(timesteps):
        logger.warning(
            "no step is guided: the steps that are run are %d to 0 of %d, and guidance stops "
            "before them; lower %s",
            *(sampling.steps_run(steps) - 1, steps, advise_on_stops(sampling)),
        )


def advise_on_stops(sampling: SamplingConfig) -> str:
    """Return what to lower so that some step is guided, for a message."""
    stops = sampling.stops
    told = f"{' or '.join(stops)} where it is set, in methods.NAME or in sampling"
    if "stop_guidance_step" not in stops:
        return told
    return f"{told}, or set diffusion.reference_steps to the number of steps that it was chosen for"


def advise_on_samples(diffusion: BackboneConfig) -> str:
    """Return advice for an error message about samples that are not finite."""
    return (
        "lower the guidance scales, check the weights, or use another precision than "
        f"diffusion.precision={diffusion.precision}"
    )
