"""The members of guidance, each under the setting that switches it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.pull import pull_towards_modes
from mgd3_kedro.sampling.guidance.repulsion import repel_mates
from mgd3_kedro.sampling.guidance.spread import measure_sharpness, scale_pull
from mgd3_kedro.sampling.guidance.tangent import measure_tangents, project_pull


class Trait(NamedTuple):
    """Something measured of a class, by which the pull towards its modes is shaped.

    Args:
        measure: (latents (N, C, H, W), modes (K, C, H, W), setting) -> (K, ...).
        shape: (pull (B, C, H, W), what was measured for each sample (B, ...)) -> (B, C, H, W).
    """

    measure: Callable[[torch.Tensor, torch.Tensor, Any], torch.Tensor]
    shape: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


TRAITS: dict[str, Trait] = {
    "mode_guidance_adaptation": Trait(measure_sharpness, scale_pull),
    "tangent_components": Trait(measure_tangents, project_pull),
}
"""Setting that is 0 or None where the pull is left as it is -> what shapes it."""


def pull_shaped(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the pull towards the modes as the traits of classes shape it, (B, C, H, W).

    Source: MGD3 (arXiv 2505.18963), section 3.2; the traits are ours.
    """
    pull = pull_towards_modes(step, context.modes, scale)
    for name, measured in context.traits.items():
        pull = TRAITS[name].shape(pull, measured)
    return pull


class Drift(NamedTuple):
    """Something that steers samples.

    Args:
        push: (step, scale, context) -> what is added to the mean of the step, (B, C, H, W).
        joint: Whether it makes images of a class depend on each other.
    """

    push: Callable[[DenoisingStep, float, GuidanceContext], torch.Tensor]
    joint: bool = False


DRIFTS: dict[str, Drift] = {
    "mode_guidance_scale": Drift(pull_shaped),
    "repulsion_scale": Drift(repel_mates, joint=True),
}
"""Setting that holds its scale, 0 where it does not act -> drift; drifts add up."""
