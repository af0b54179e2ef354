"""Choice of one group of images per class out of several, taking other classes into account."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from mgd3_kedro.checks import check_finite, check_range

SWEEPS = 5
"""Most passes over all classes."""
EPSILON = 1e-6
"""Added to distances before the logarithm is taken."""
REMEDY = "check what the features are made from"


@dataclass(frozen=True)
class GroupObjective:
    """Weights of the objective that a choice of groups maximises.

    Args:
        alpha: Weight of the nearness of each group to the real images of its class.
        beta: Weight of the distance between the groups of any two classes.
        pair_weight: Factor of `beta` for each pair of classes: 1 in the released code,
            2 / (classes - 1) in the paper.

    Raises:
        ValueError: If a weight is not a number of 0 or more; the message names it.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """

    alpha: float
    beta: float
    pair_weight: float

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "pair_weight"):
            check_range(name, getattr(self, name), 0)


def centre_of(features: torch.Tensor) -> torch.Tensor:
    """Return the mean direction of features as a unit vector, (D,), float64.

    Args:
        features: (N, ...), one per image; each is normalised to length 1 first.

    Raises:
        NotFiniteError: If features are not finite.
    """
    check_finite("features", features, REMEDY)
    directions = F.normalize(features.flatten(1).double(), dim=1)
    return F.normalize(directions.mean(0), dim=0)


def score_groups(
    centres: torch.Tensor, real: torch.Tensor, chosen: torch.Tensor, objective: GroupObjective
) -> float:
    """Return the objective of a choice of groups; larger is better.

    With distance d = 1 - cosine and e = `LEAST`, the objective is alpha times the sum over classes
    of -log(d(group, real) + e), plus beta times the pair weight times the sum over pairs of classes
    of log(d(group, group) + e).

    Args:
        centres: Centres of all groups, (C, G, D), see `centre_of`.
        real: Centres of the real images of each class, (C, D).
        chosen: Index of the chosen group of each class, (C,), int64.
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
    """Choose one group per class by coordinate ascent on the objective.

    The search starts from the groups nearest to the real images of their class. One class at a time
    changes to its best group, given the groups of the other classes. The search ends when no class
    changes, or after `SWEEPS` passes. The objective never falls. In each pass, the classes whose
    first group is farthest from their real images come first, so the order of the given classes
    does not matter.

    Args:
        centres: Centres of all groups, (C, G, D), see `centre_of`.
        real: Centres of the real images of each class, (C, D).
        objective: The weights.

    Returns:
        Index of the chosen group of each class, (C,), int64; of equally good groups, the first.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling, which starts from random groups.
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
    return torch.log((1 - some @ others.T).clamp_min(0) + EPSILON)
