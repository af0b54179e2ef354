"""Drawing more images than are kept."""

from __future__ import annotations

import torch

CANDIDATE_SCORES = ("coverage", "confidence")
"""What a draw is kept for: that real latents have one near, or that a teacher is sure of it."""


def choose_candidates(pool: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Choose one draw per mode, so that all real latents have a chosen one near.

    Least is the sum over real latents of the distance to the nearest chosen candidate (facility
    location, one facility per mode). From the first draws on, one mode at a time changes to its
    best draw given those of the others, until none does: never worse than the first draws.

    Args:
        pool: M draws for each of K modes of a class, (M, K, C, H, W), finite.
        real: The latents of the class, (N, C, H, W).

    Returns:
        The number of the draw kept for each mode, (K,), int64.

    Source: local search for submodular maximisation with one choice per group, Fisher, Nemhauser
    and Wolsey (1978, An analysis of approximations for maximizing submodular set functions II).
    """
    draws, modes = pool.shape[:2]
    kept = torch.zeros(modes, dtype=torch.int64)
    if draws == 1:
        return kept
    points = pool.flatten(0, 1).flatten(1).double()
    distances = torch.cdist(points, real.flatten(1).double()).unflatten(0, (draws, modes))
    changed = True
    while changed:
        changed = False
        for mode in range(modes):
            others = distances[kept, torch.arange(modes)]
            others[mode] = torch.inf
            costs = torch.minimum(distances[:, mode], others.amin(0)).sum(1)
            best = int(costs.argmin())
            if costs[best] < costs[kept[mode]]:
                kept[mode], changed = best, True
    return kept
