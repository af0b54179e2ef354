"""Typical images: pull images towards real ones in the feature space of the network."""

from __future__ import annotations

from typing import Any

import torch

from mgd3_kedro.checks import check_range
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.needs import Facts
from mgd3_kedro.sampling.guidance.network import NetworkAccess
from mgd3_kedro.sampling.guidance.options import Option
from mgd3_kedro.sampling.guidance.precision import precise

ROWS = 32
"""Most real latents in one pass of the network."""
LEAST = 1e-12
"""Added to squared distances before the square root, which has no gradient at 0."""


def check_depth(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a share of the blocks, above 0 and at most 1."""
    check_range(name, value, 0, 1, low_open=True)


DEPTH = Option(check_depth, 0.3)
"""Option: share of the blocks of a transformer that are run for features."""


def pull_in_features(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the pull of images towards real ones in feature space, (B, C, H, W).

    It is the negative gradient, with respect to the noisy latent, of the mean distance between the
    features of an image and those of real latents at the same noise level, all under the condition
    of the class. It is normalised to a mean square of 1 per element, like the noise of a step.

    Args:
        step: The step of the backbone.
        scale: In units of lambda.
        context: Needs `network`; the facts `compared`, `compared_noise`, `shares` and `modes` of
            each class; and the option `dap_depth`.

    Raises:
        ValueError: If the context has no `network`.

    Source: DAP (arXiv 2510.17421), with another unit of the scale (ours).
    """
    network, depth = context.network, context.options["dap_depth"]
    if network is None:
        raise ValueError("network: expected a network that gives features, got None")
    backbone, conditions = network
    with torch.enable_grad(), backbone.as_precise():
        noisy = step.noisy.detach().float().requires_grad_()
        seen = backbone.features(step.index, noisy, conditions, depth)
        uphill = torch.zeros_like(seen)
        with torch.no_grad():
            for rows, facts in context.of_classes:
                real = real_features(step.index, network, rows[:1], facts, depth)
                shares = facts["shares"][find_own(context.modes[rows], facts["modes"])]
                uphill[rows] = find_slopes(seen[rows], real, shares).to(uphill.dtype)
        # Normalised before backpropagation, so that half precision keeps small gradients.
        (gradient,) = torch.autograd.grad(seen, noisy, bring_to_unit(uphill))
    pull = -bring_to_unit(gradient).to(step.prev_mean.dtype)
    return scale * step.pull * pull


def real_features(
    index: int, network: NetworkAccess, row: torch.Tensor, facts: Facts, depth: float
) -> torch.Tensor:
    """Return the features of the real latents of a class at the noise level of a step, (R, D).

    Args:
        index: Step index.
        network: The backbone and the conditions of the samples.
        row: Row of a sample of the class, (1,), whose condition is used.
        facts: Facts about the class.
        depth: Share of the blocks to run.
    """
    backbone, conditions = network
    noisy = backbone.add_noise(facts["compared"], facts["compared_noise"], index)
    told = conditions[row]
    return torch.cat(
        [
            backbone.features(index, part, told.expand(len(part), *told.shape[1:]), depth)
            for part in noisy.split(ROWS)
        ]
    )


def find_own(modes: torch.Tensor, of_class: torch.Tensor) -> torch.Tensor:
    """Return the index of each mode (n, C, H, W) among the modes of its class (K, ...), (n,)."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(modes.flatten(1), of_class.flatten(1), compute_mode=exact).argmin(1)


def find_slopes(points: torch.Tensor, real: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the weighted mean distance of each point from real points, (n, D).

    Args:
        points: (n, D).
        real: (R, D).
        shares: Weight of each real point for each point, (n, R).
    """
    found, real = [], precise(real)
    # One by one, so that the last bits do not depend on the number of points.
    for point, share in zip(precise(points), precise(shares), strict=True):
        away = point - real
        distances = (away.square().sum(1, keepdim=True) + LEAST).sqrt()
        found.append((share[:, None] * away / distances).sum(0))
    return torch.stack(found)


def bring_to_unit(values: torch.Tensor) -> torch.Tensor:
    """Scale each sample of (B, ...) to a mean square of 1; samples of zeros stay as they are."""
    rows = precise(values.flatten(1))
    size = rows.square().mean(1, keepdim=True).sqrt().clamp_min(torch.finfo(rows.dtype).tiny)
    return (rows / size).to(values.dtype).view_as(values)
