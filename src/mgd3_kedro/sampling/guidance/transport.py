"""Transport guidance: steering the images of a class towards all of its real images together."""

from __future__ import annotations

from typing import Any

import torch

from mgd3_kedro.checks import check_flag, check_range
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.options import Option
from mgd3_kedro.sampling.guidance.precision import precise

ITERATIONS, COOLING = 100, 0.5
"""Rounds, and the share of them in which the entropy falls to what is asked for."""


def check_entropy(name: str, value: Any) -> None:
    """Refuse what is not above 0."""
    check_range(name, value, 0, low_open=True)


ENTROPY = Option(check_entropy, 0.05)
"""Option that says how far the transport of an image is spread, in units of the mean squared
distance within clusters; the larger, the nearer to the mean of the class."""
DEBIASED = Option(check_flag, True)
"""Option that says whether what an image is transported to when the images are transported to
themselves is taken off: without it, images shrink towards the mean of the class."""


def pull_by_transport(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the pull towards what images are transported to, (B, C, H, W).

    No image has a mode of its own: as many go where many real ones are as masses say. An image then
    depends on the others of its class, so that a batch must hold whole classes.

    Args:
        step: The step of the backbone.
        scale: Of the pull; in units of lambda, whatever the size of latents.
        context: Of each class `support`, `mass` and `variance`; `transport_entropy` and
            `transport_debiased` of its options.

    Source: transport guidance after DMGD (CVPR 2026), in units of lambda (ours); debiased it is the
    gradient flow of the Sinkhorn divergence (Feydy et al., AISTATS 2019).
    """
    clean, entropy = step.pred_original_sample, context.options["transport_entropy"]
    pull = torch.zeros_like(clean)
    for rows, facts in context.of_classes:
        points = precise(clean[rows].flatten(1))
        support, mass, variance = (precise(facts[name]) for name in ("support", "mass", "variance"))
        scaled = entropy * variance
        target = find_barycentres(points, support.flatten(1), mass, scaled)
        here = points
        if context.options["transport_debiased"]:
            here = find_barycentres(points, points, torch.ones_like(points[:, 0]), scaled)
        pull[rows] = (target - here).to(clean.dtype).view_as(clean[rows])
    return scale * step.pull * pull


def find_barycentres(
    points: torch.Tensor, support: torch.Tensor, mass: torch.Tensor, entropy: torch.Tensor | float
) -> torch.Tensor:
    """Return the mean of what each of n points is transported to, (n, D).

    Args:
        points: Of equal mass, (n, D).
        support: What they are transported to, (J, D).
        mass: Of each, above 0, in any unit, (J,).
        entropy: In units of half the mean squared difference per dimension.

    Source: entropic optimal transport (Cuturi, NeurIPS 2013); barycentric projection.
    """
    cost = (points[:, None] - support[None]).square().mean(2) / 2
    rows = torch.full_like(points[:, 0], 1 / len(points))
    return len(points) * plan_transport(cost, rows, mass / mass.sum(), entropy) @ support


def plan_transport(
    cost: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, entropy: torch.Tensor | float
) -> torch.Tensor:
    """Return how much goes from where to where at the least cost, (n, J).

    Args:
        cost: (n, J).
        rows: What each row sums up to, (n,), above 0; kept to the last digit.
        columns: What each column sums up to, (J,), above 0, as much on the whole.
        entropy: In units of the cost, above 0.

    Source: Sinkhorn's algorithm among logarithms, where no small kernel becomes 0, with an entropy
    that falls, as it takes as many rounds as costs are larger than that (Peyre and Cuturi,
    Computational Optimal Transport, sections 4.4 and 4.1).
    """
    left = torch.zeros_like(rows)
    widest = ((cost.max() - cost.min()) / entropy).clamp_min(1)
    for done in range(ITERATIONS):
        now = entropy * widest ** max(0, 1 - done / (COOLING * ITERATIONS))
        right = now * (columns.log() - ((left[:, None] - cost) / now).logsumexp(0))
        left = now * (rows.log() - ((right - cost) / now).logsumexp(1))
    return ((left[:, None] + right - cost) / entropy).exp()
