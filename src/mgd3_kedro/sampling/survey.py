"""Measurements of a class that guidance needs before its images are generated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from mgd3_kedro.sampling.guidance import TRAITS
from mgd3_kedro.sampling.guidance.needs import FactRequest
from mgd3_kedro.sampling.settings import SamplingConfig


def survey_class(
    real: torch.Tensor, modes: torch.Tensor, config: SamplingConfig
) -> dict[str, torch.Tensor]:
    """Measure the traits of a class that the active settings need.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: Its modes, (K, C, H, W).
        config: Says which settings are on.

    Returns:
        Name of a trait -> one row per mode, (K, ...); empty if no trait is needed. `denoise` takes
        the row of each sample's mode.
    """
    asked = config.traits
    return {name: TRAITS[name].measure(real, modes, getattr(config, name)) for name in asked}


def join_surveys(surveys: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Concatenate the measurements of several classes, trait by trait."""
    return {name: torch.cat([survey[name] for survey in surveys]) for name in surveys[0]}


def gather_facts(
    real: torch.Tensor, modes: Mapping[str, torch.Tensor], seed: int, config: SamplingConfig
) -> dict[str, torch.Tensor]:
    """Find the facts about a whole class that the active drifts need.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: `modes` (K, C, H, W), one per image to generate, and `assignment` (N,), the mode of
            each real latent, -1 for none.
        seed: Seed of the data set.
        config: Says which drifts are on, with their options.

    Returns:
        Name of a fact -> its value; empty if no fact is needed. If images are generated one after
        the other, `finished` is for the latents of the images generated so far, and has no rows
        yet, (0, C, H, W).
    """
    asked = FactRequest(len(modes["modes"]), seed, config.options, modes)
    found = {"finished": real[:0]} if config.in_turn else {}
    return found | {name: fact for need in config.needs for name, fact in need(real, asked).items()}
