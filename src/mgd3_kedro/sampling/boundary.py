"""Boundary images: some images are generated under two classes, their own and another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mgd3_kedro.backbones.base import SecondCondition
from mgd3_kedro.randomness import fork_generator
from mgd3_kedro.sampling.annealing import ChangeAt, ConditioningBatch, check_share, draw_others
from mgd3_kedro.sampling.guidance.options import Option

NOISY, CLEAR = 0.7, 0.3
"""Step indices, as shares of the highest. From `NOISY` on an image is nearly all noise; below
`CLEAR` its class is settled."""
SHARES = (0.1, 0.35)
"""Weights of the other class in the noisy part and at the last step, relative to its weight in the
middle part."""
SCALES = (0.9, 1.0, 1.15)
"""Factors of the guidance scale in the noisy part, in the middle, and in the clear part."""
BOUNDARY: Mapping[str, Option] = {"boundary_chance": Option(check_share, 0.5)}
"""Option: the probability that an image is generated under two classes."""


def draw_on_boundary(
    batch: ConditioningBatch, strength: float, options: Mapping[str, Any]
) -> ChangeAt:
    """Condition some images on a second class; a step then takes three passes of the network.

    Args:
        batch: The samples. Forks of their generators decide which samples get a second class, and
            which class. So their noise, and all other images, stay the same.
        strength: Largest weight of the other class, 0..1.
        options: Values of `BOUNDARY`.

    Returns:
        Step index -> second condition of the chosen samples; None if no sample is chosen.

    Source: Boundary-aware dataset distillation, released code, without its fine-tuning.
    """
    chance = options["boundary_chance"]
    rows = [row for row, one in enumerate(batch.generators) if _draw(one) < chance]
    if not rows or len(batch.among) < 2:
        return lambda index: None
    others = batch.backbone.conditions(draw_others(batch))
    chosen = torch.tensor(rows, device=others.device)
    highest = max(len(batch.backbone.timesteps) - 1, 1)

    def change_at(index: int) -> SecondCondition:
        noise = index / highest
        share = strength * share_of_other(noise)
        return SecondCondition(chosen, others[chosen], share, scale_of_guidance(noise))

    return change_at


def share_of_other(noise: float) -> float:
    """Return the weight of the other class, as a share of its largest weight, 0..1.

    Args:
        noise: Step index, as a share of the highest, 0..1.

    Source: Boundary-aware dataset distillation, released code.
    """
    at_first, at_last = SHARES
    if noise >= NOISY:
        return at_first
    if noise >= CLEAR:
        return 1.0
    return 1 + (CLEAR - noise) / CLEAR * (at_last - 1)


def scale_of_guidance(noise: float) -> float:
    """Return the factor of the guidance scale at a step.

    Args:
        noise: Step index, as a share of the highest, 0..1.

    Source: Boundary-aware dataset distillation, released code.
    """
    noisy, middle, clear = SCALES
    if noise >= NOISY:
        return noisy
    return middle if noise >= CLEAR else clear


def _draw(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=fork_generator(generator, "boundary")))
