"""Images that are typical as the network sees them: near to real ones in its own features."""

from __future__ import annotations

from typing import Any

import torch

from mgd3_kedro.checks import check_range
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.needs import Facts
from mgd3_kedro.sampling.guidance.options import Option
from mgd3_kedro.sampling.guidance.precision import precise
from mgd3_kedro.sampling.guidance.sight import Sight

ROWS = 32
"""Real latents that the network sees at once."""
LEAST = 1e-12
"""Added to squared distances, of which the root is taken: that of 0 has no slope."""


def check_depth(name: str, value: Any) -> None:
    """Refuse what is no share of the blocks."""
    check_range(name, value, 0, 1, low_open=True)


DEPTH = Option(check_depth, 0.3)
"""Option that says how many of the blocks of a transformer are run for features."""


def pull_in_features(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return what brings images nearer to real ones as the network sees both, (B, C, H, W).

    Down the gradient, by the noisy latent, of the mean distance of an image's features from those
    of real latents that are as noisy, both under the condition of the class. It is brought to a
    size of 1 per element, that of the noise of a step.

    Args:
        step: The step of the backbone.
        scale: In units of lambda.
        context: `sight`, and of each class `compared`, `compared_noise`, `shares` and `modes`;
            `dap_depth` of its options.

    Raises:
        ValueError: If the context has no `sight`.

    Source: DAP (arXiv 2510.17421), but for the unit of the scale.
    """
    sight, depth = context.sight, context.options["dap_depth"]
    if sight is None:
        raise ValueError("sight: expected a network that can be asked for features, got None")
    backbone, conditions = sight
    with torch.enable_grad(), backbone.as_precise():
        noisy = step.noisy.detach().float().requires_grad_()
        seen = backbone.features(step.index, noisy, conditions, depth)
        uphill = torch.zeros_like(seen)
        with torch.no_grad():
            for rows, facts in context.of_classes:
                real = see_real(step.index, sight, rows[:1], facts, depth)
                shares = facts["shares"][find_own(context.modes[rows], facts["modes"])]
                uphill[rows] = find_slopes(seen[rows], real, shares).to(uphill.dtype)
        # Brought to one size before it goes back, so that half precision keeps what is small.
        (gradient,) = torch.autograd.grad(seen, noisy, bring_to_unit(uphill))
    pull = -bring_to_unit(gradient).to(step.prev_mean.dtype)
    return scale * step.pull * pull


def see_real(
    index: int, sight: Sight, row: torch.Tensor, facts: Facts, depth: float
) -> torch.Tensor:
    """Return the features of the real latents of a class at the noise of a step, (R, D).

    Args:
        index: Step index.
        sight: The network.
        row: Of a sample of the class, (1,).
        facts: Of the class.
        depth: Share of the blocks.
    """
    backbone, conditions = sight
    noisy = backbone.add_noise(facts["compared"], facts["compared_noise"], index)
    told = conditions[row]
    return torch.cat(
        [
            backbone.features(index, part, told.expand(len(part), *told.shape[1:]), depth)
            for part in noisy.split(ROWS)
        ]
    )


def find_own(modes: torch.Tensor, of_class: torch.Tensor) -> torch.Tensor:
    """Return the place of each mode (n, C, H, W) among those of its class (K, C, H, W), (n,)."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(modes.flatten(1), of_class.flatten(1), compute_mode=exact).argmin(1)


def find_slopes(points: torch.Tensor, real: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the mean distance of each point from real ones, (n, D).

    Args:
        points: (n, D).
        real: (R, D).
        shares: How much each real one counts for each point, (n, R).
    """
    found, real = [], precise(real)
    # One by one, so that the last bits do not depend on how many there are.
    for point, share in zip(precise(points), precise(shares), strict=True):
        away = point - real
        distances = (away.square().sum(1, keepdim=True) + LEAST).sqrt()
        found.append((share[:, None] * away / distances).sum(0))
    return torch.stack(found)


def bring_to_unit(values: torch.Tensor) -> torch.Tensor:
    """Return each of some samples (B, ...) with a mean square of 1; what is 0 stays so."""
    rows = precise(values.flatten(1))
    size = rows.square().mean(1, keepdim=True).sqrt().clamp_min(torch.finfo(rows.dtype).tiny)
    return (rows / size).to(values.dtype).view_as(values)
