"""Gains: how strongly an image is pulled towards its mode at a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from mgd3_kedro.checks import check_choice
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.needs import FactRequest, Need
from mgd3_kedro.sampling.guidance.options import Option

Weight = torch.Tensor | float


def weigh_by_deviation(step: DenoisingStep, scale: float, context: GuidanceContext) -> Weight:
    """Return lambda times the guidance weight of the step: with DDPM its standard deviation.

    Source: MGD3 (arXiv 2505.18963), section 3.2.
    """
    return scale * step.pull


def weigh_by_noise(step: DenoisingStep, scale: float, context: GuidanceContext) -> Weight:
    """Return the weight of a pull whose strength follows the noise of the step.

    The clean sample moves by a share of its way to the mode. The share is the scale times the
    ratio of noise to signal, as standard deviations. It is at most 1, where the clean sample
    becomes the mode.

    Args:
        step: The step of the backbone.
        scale: Gamma times the scale of classifier-free guidance, because CoDA pulls the
            conditional prediction before classifier-free guidance is applied.
        context: Not used.

    Source: CoDA, released code; the bound is ours.
    """
    noise = ((1 - step.alpha_bar) / step.alpha_bar) ** 0.5
    return step.clean_weight * min(1.0, scale * noise)


def weigh_by_gaussian(step: DenoisingStep, scale: float, context: GuidanceContext) -> Weight:
    """Return the weight of a pull to the posterior mean under a Gaussian, (B, 1, 1, 1).

    Let r be the variance of the noise and s the variance of latents around their modes. The
    posterior mean of the clean sample is nearer to the mode by r / (r + s) of the way.

    Args:
        step: The step of the backbone.
        scale: 1 moves the clean sample to the posterior mean; no lambda has to be tuned.
        context: Needs the fact `within` of each class.

    Source: ours; posterior mean of a Gaussian, as in pseudo-inverse guidance (Song et al., ICLR
    2023).
    """
    within = step.pred_original_sample.new_empty(len(context.modes), 1, 1, 1)
    for rows, facts in context.of_classes:
        within[rows] = facts["within"]
    unknown = 1 - step.alpha_bar
    return scale * step.clean_weight * unknown / (unknown + within)


def find_within(real: torch.Tensor, asked: FactRequest) -> dict[str, torch.Tensor]:
    """Return the fact `within`, the variance per dimension of real latents around their modes.

    It is a scalar, pooled over the modes of the class. If no more latents are assigned than there
    are modes, it cannot be estimated and is 1, the variance of scaled latents.

    Args:
        real: The latents of the class, (N, C, H, W).
        asked: Its `modes`.

    Source: scaled latents have unit variance by latent diffusion (arXiv 2112.10752).
    """
    modes, assignment = asked.modes["modes"], asked.modes["assignment"]
    members = assignment >= 0
    away = real[members].double() - modes[assignment[members]].double()
    freedom = len(away) - len(modes)
    if freedom < 1:
        return {"within": torch.ones(())}
    return {"within": (away.square().sum() / (freedom * real[0].numel())).float()}


class Gain(NamedTuple):
    """A rule for how strongly an image is pulled at a step.

    Args:
        weigh: (step, scale, context) -> factor of the difference between the mode and the clean
            sample, broadcastable to (B, C, H, W), in the units of the mean of the step.
        needs: Functions that find the facts of a class for this gain.
    """

    weigh: Callable[[DenoisingStep, float, GuidanceContext], Weight]
    needs: tuple[Need, ...] = ()


GAINS: dict[str, Gain] = {
    "constant": Gain(weigh_by_deviation),
    "sigma": Gain(weigh_by_noise),
    "gauss": Gain(weigh_by_gaussian, needs=(find_within,)),
}
"""Name -> gain of the pull towards modes."""


def check_gain(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a name of `GAINS`."""
    check_choice(name, value, GAINS)


def needs_of_gain(value: Any) -> tuple[Need, ...]:
    """Return the needs of a gain, given by its name in `GAINS`."""
    return GAINS[value].needs


GAIN = Option(check_gain, "constant", needs_of_gain)
"""Option: gain of the pull towards modes, a name of `GAINS`."""
