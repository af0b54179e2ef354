"""Choosing one of several groups of images of every class, with an eye on the other classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from mgd3_kedro.checks import check_finite, check_range

SWEEPS = 5
"""Times that all classes take turns, at most."""
LEAST = 1e-6
"""Added to distances, of which the logarithm is taken."""
REMEDY = "check what the features are made from"


@dataclass(frozen=True)
class GroupObjective:
    """What a choice of groups is judged by; the more, the better.

    Args:
        alpha: Weight of how near groups are to the real images of their class.
        beta: Weight of how far the groups of any two classes are from each other.
        pair_weight: Further factor of the latter, for each of the pairs: 1 in the released code,
            2 / (classes - 1) in the paper.

    Raises:
        ValueError: Naming the weight that is not a number of 0 or more.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """

    alpha: float
    beta: float
    pair_weight: float

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "pair_weight"):
            check_range(name, getattr(self, name), 0)


def centre_of(features: torch.Tensor) -> torch.Tensor:
    """Return the direction that images have in common, (D,), of length 1.

    Args:
        features: (N, ...); the length of an image's own does not count.

    Raises:
        NotFiniteError: If features are not finite.
    """
    check_finite("features", features, REMEDY)
    directions = F.normalize(features.flatten(1).double(), dim=1)
    return F.normalize(directions.mean(0), dim=0)


def score_groups(
    centres: torch.Tensor, real: torch.Tensor, chosen: torch.Tensor, objective: GroupObjective
) -> float:
    """Return the objective of a choice of groups.

    Distances d are 1 - cosine, and e is `LEAST`: alpha times the sum over classes of
    -log(d(group, real) + e), and beta times the pair weight times the sum over pairs of classes of
    log(d(group, group) + e).

    Args:
        centres: Of all groups, (C, G, D), see `centre_of`.
        real: Of the real images, (C, D).
        chosen: Number of the group of each class, (C,), int64.
        objective: The weights.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling, released code; e is ours.
    """
    taken = _take(centres.double(), chosen)
    nearness = -_log_distances(taken, real.double()).diagonal().sum()
    apart = _log_distances(taken, taken).triu(1).sum()
    return float(objective.alpha * nearness + objective.beta * objective.pair_weight * apart)


def choose_groups(
    centres: torch.Tensor, real: torch.Tensor, objective: GroupObjective
) -> torch.Tensor:
    """Choose a group of each class so that the objective is large; it never falls on the way.

    From the groups that are nearest to the real images of their class on, one class at a time
    changes to its best group given those of the others, until none does, or all have taken
    `SWEEPS` turns. The class whose group is farthest from its real images comes first: the order
    that classes are given in is of no account.

    Args:
        centres: Of all groups, (C, G, D), see `centre_of`.
        real: Of the real images, (C, D).
        objective: The weights.

    Returns:
        Number of the group of each class, (C,), int64; of groups that are as good, the first.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling; there from random
    groups.
    """
    centres, real = centres.double(), real.double()
    pairs = zip(centres, real, strict=True)
    near = torch.stack([_log_distances(groups, own[None])[:, 0] for groups, own in pairs])
    chosen = near.argmin(1)
    taken = _take(centres, chosen)
    weight = objective.beta * objective.pair_weight
    turns = near.amin(1).argsort(descending=True, stable=True).tolist()
    for _ in range(SWEEPS):
        changed = False
        for place in turns:
            apart = _log_distances(centres[place], taken)
            apart[:, place] = 0.0
            gains = weight * apart.sum(1) - objective.alpha * near[place]
            best = int(gains.argmax())
            if gains[best] > gains[chosen[place]]:
                chosen[place], taken[place], changed = best, centres[place, best], True
        if not changed:
            break
    return chosen


def _take(centres: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return centres[torch.arange(len(chosen)), chosen]


def _log_distances(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return log(1 - cosine + `LEAST`), (M, N), of directions (M, D) and (N, D)."""
    return torch.log((1 - some @ others.T).clamp_min(0) + LEAST)
