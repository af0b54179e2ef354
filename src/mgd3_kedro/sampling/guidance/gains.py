"""How strongly an image is pulled at a step, for its noise: what lambda is a unit of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from mgd3_kedro.checks import check_choice
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.needs import Asked, Need
from mgd3_kedro.sampling.guidance.options import Option

Weight = torch.Tensor | float


def weigh_by_deviation(step: DenoisingStep, scale: float, context: GuidanceContext) -> Weight:
    """Return lambda times what the step has for guidance: with DDPM its standard deviation.

    Source: MGD3 (arXiv 2505.18963), section 3.2.
    """
    return scale * step.pull


def weigh_by_noise(step: DenoisingStep, scale: float, context: GuidanceContext) -> Weight:
    """Return what moves the clean sample by a share of its way, as large as its noise is.

    The share is the scale times the standard deviation of the noise over that of the clean sample,
    and 1 at most, where the clean sample becomes the mode.

    Args:
        step: The step of the backbone.
        scale: Gamma times the scale of classifier-free guidance, as CoDA pulls the prediction for
            the class before that is applied.
        context: Not used.

    Source: CoDA, released code; the bound is ours.
    """
    noise = ((1 - step.alpha_bar) / step.alpha_bar) ** 0.5
    return step.clean_weight * min(1.0, scale * noise)


def weigh_by_gaussian(step: DenoisingStep, scale: float, context: GuidanceContext) -> Weight:
    """Return what moves the clean sample to where a Gaussian around the mode expects it, (B, ...).

    A clean sample that is known up to a variance r, that of the noise, is expected r / (r + s) of
    its way nearer to the mode, s the variance of latents around their modes.

    Args:
        step: The step of the backbone.
        scale: 1 is as expected; it needs no lambda.
        context: Of each class its `within`.

    Source: ours; posterior mean of a Gaussian, as in pseudo-inverse guidance (Song et al., ICLR
    2023).
    """
    within = step.pred_original_sample.new_empty(len(context.modes), 1, 1, 1)
    for rows, facts in context.of_classes:
        within[rows] = facts["within"]
    unknown = 1 - step.alpha_bar
    return scale * step.clean_weight * unknown / (unknown + within)


def find_within(real: torch.Tensor, asked: Asked) -> dict[str, torch.Tensor]:
    """Return the variance of real latents around their modes, per dimension, `within` ().

    It is pooled over the modes of the class. A class with no more latents than modes shows none,
    and has 1, the variance of scaled latents.

    Args:
        real: The latents of the class, (N, C, H, W).
        asked: `modes`.

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
    """How strongly an image is pulled at a step.

    Args:
        weigh: (step, scale, context) -> what the way from the clean sample to the mode is
            multiplied by, broadcastable to (B, C, H, W), in the units of the mean of the step.
        needs: What finds the facts of a class that it needs.
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
    """Refuse what is no name of `GAINS`."""
    check_choice(name, value, GAINS)


def needs_of_gain(value: Any) -> tuple[Need, ...]:
    """Return what a gain needs of a class."""
    return GAINS[value].needs


GAIN = Option(check_gain, "constant", needs_of_gain)
"""Option that says how strongly the pull towards modes acts at a step."""
