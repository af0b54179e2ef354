"""Candidates: several latents are drawn for each mode, and the best one is kept."""

from __future__ import annotations

import torch

CANDIDATE_SCORES = ("coverage", "confidence")
"""What a draw is chosen by. "coverage": every real latent has a chosen draw near. "confidence": a
teacher network is confident of its class."""


def choose_candidates(pool: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Choose one draw per mode, so that every real latent has a chosen draw near.

    The choice minimises the sum, over real latents, of the distance to the nearest chosen draw
    (facility location, one facility per mode). The search starts from the first draw of each mode.
    It changes one mode at a time to its best draw, given the draws of the other modes, until no
    mode changes. The result is never worse than the first draws.

    Args:
        pool: M draws for each of K modes of a class, (M, K, C, H, W), finite.
        real: The latents of the class, (N, C, H, W).

    Returns:
        The index of the chosen draw of each mode, (K,), int64.

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
