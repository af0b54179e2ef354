"""Transport guidance: steer the images of a class, as a set, towards all of its real images."""

from __future__ import annotations

from typing import Any

import torch

from mgd3_kedro.checks import check_flag, check_range
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.options import Option
from mgd3_kedro.sampling.guidance.precision import precise

ITERATIONS, COOLING = 100, 0.5
"""Sinkhorn iterations, and the share of them in which the entropy falls to its final value."""


def check_entropy(name: str, value: Any) -> None:
    """Raise ValueError unless the value is above 0."""
    check_range(name, value, 0, low_open=True)


ENTROPY = Option(check_entropy, 0.05)
"""Option: entropy of the transport, in units of the mean squared distance within clusters. The
larger it is, the nearer the target of each image is to the mean of the class."""
DEBIASED = Option(check_flag, True)
"""Option: whether to subtract the target that an image has if the images are transported to
themselves. Without this, images shrink towards the mean of the class."""


def pull_by_transport(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the pull of images towards their transport targets, (B, C, H, W).

    Images have no modes here: the masses decide how many images go to each region. An image depends
    on the other images of its class, so a batch must hold whole classes.

    Args:
        step: The step of the backbone.
        scale: Scale of the pull, in units of lambda; it does not depend on the size of latents.
        context: Needs the facts `support`, `mass` and `variance` of each class, and the options
            `transport_entropy` and `transport_debiased`.

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
    """Return the mean target that each of n points is transported to, (n, D).

    Args:
        points: Points of equal mass, (n, D).
        support: Points that they are transported to, (J, D).
        mass: Mass of each point of the support, (J,), above 0, in any unit.
        entropy: In units of half the mean squared difference per dimension.

    Source: entropic optimal transport (Cuturi, NeurIPS 2013); barycentric projection.
    """
    cost = (points[:, None] - support[None]).square().mean(2) / 2
    rows = torch.full_like(points[:, 0], 1 / len(points))
    return len(points) * plan_transport(cost, rows, mass / mass.sum(), entropy) @ support


def plan_transport(
    cost: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, entropy: torch.Tensor | float
) -> torch.Tensor:
    """Return the entropic optimal transport plan, the mass from each row to each column, (n, J).

    Args:
        cost: (n, J).
        rows: Sum of each row of the plan, (n,), above 0; met to the last digit.
        columns: Sum of each column of the plan, (J,), above 0, with the same total.
        entropy: In units of the cost, above 0.

    Source: Sinkhorn's algorithm on logarithms, so that small kernel values do not become 0, with a
    falling entropy, because the number of iterations grows with the ratio of cost to entropy (Peyre
    and Cuturi, Computational Optimal Transport, sections 4.4 and 4.1).
    """
    left = torch.zeros_like(rows)
    widest = ((cost.max() - cost.min()) / entropy).clamp_min(1)
    for done in range(ITERATIONS):
        now = entropy * widest ** max(0, 1 - done / (COOLING * ITERATIONS))
        right = now * (columns.log() - ((left[:, None] - cost) / now).logsumexp(0))
        left = now * (rows.log() - ((right - cost) / now).logsumexp(1))
    return ((left[:, None] + right - cost) / entropy).exp()
