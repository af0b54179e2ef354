"""What is measured of a class before its images are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from mgd3_kedro.sampling.guidance import TRAITS
from mgd3_kedro.sampling.guidance.needs import Asked
from mgd3_kedro.sampling.settings import SamplingConfig


def survey_class(
    real: torch.Tensor, modes: torch.Tensor, config: SamplingConfig
) -> dict[str, torch.Tensor]:
    """Measure what guidance asks of a class; nothing where no option asks.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: Its modes, (K, C, H, W).
        config: Which options are on.

    Returns:
        Name of `TRAITS` -> (K, ...); `denoise` takes the row of each sample's mode.
    """
    asked = config.traits
    return {name: TRAITS[name].measure(real, modes, getattr(config, name)) for name in asked}


def join_surveys(surveys: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Put what was measured of some classes one after the other."""
    return {name: torch.cat([survey[name] for survey in surveys]) for name in surveys[0]}


def gather_facts(
    real: torch.Tensor, modes: Mapping[str, torch.Tensor], seed: int, config: SamplingConfig
) -> dict[str, torch.Tensor]:
    """Find what drifts need of a class as a whole; nothing where none that is on needs any.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: `modes` (K, C, H, W), an image is drawn for each, and `assignment` (N,), the mode of
            each real latent, -1 for none.
        seed: Of the data set.
        config: Which drifts are on, and their options.

    Returns:
        Name of a fact -> its value; `finished`, for the latents of images that were drawn before,
        is empty.
    """
    asked = Asked(len(modes["modes"]), seed, config.options, modes)
    found = {"finished": real[:0]} if config.in_turn else {}
    return found | {name: fact for need in config.needs for name, fact in need(real, asked).items()}
