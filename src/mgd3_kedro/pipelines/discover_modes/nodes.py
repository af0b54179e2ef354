"""Nodes that find modes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from mgd3_kedro.modes import ModesConfig, find_modes, measure_class
from mgd3_kedro.stages import LoadedTask, Made, Partition, Stage, Task

logger = logging.getLogger(__name__)

COMBINED: dict[str, Callable[[Sequence[float]], float]] = {
    "inertia": sum,
    "smallest_cluster": min,
    "largest_cluster": max,
    "unassigned_latents": sum,
    "within_spread": fmean,
    "between_spread": fmean,
    "silhouette": fmean,
    "degenerate_clusters": sum,
    "distinct_latents": sum,
}
"""How the measurements of classes become one."""


def discover_modes(latents: Mapping[str, Partition], config: ModesConfig) -> Stage:
    """Plan mode discovery in every class.

    Args:
        latents: wnid -> latents (N, C, H, W), scaled.
        config: Which mode finder, how many modes.

    Returns:
        wnid -> modes (K, C, H, W) with their members and nearest real latents, and where clusters
        nest, the mode each was split off from.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    tasks = {wnid: Task((partition,)) for wnid, partition in latents.items()}
    return Stage(discover_modes_of_classes, tasks, config)


def discover_modes_of_classes(
    batch: Mapping[str, LoadedTask], config: ModesConfig
) -> dict[str, Made]:
    """Find the modes of some classes.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    made = {}
    for wnid, task in batch.items():
        (stored,) = task.inputs
        found = find_modes(stored["latents"], config)
        tensors = {
            "modes": found.modes,
            "assignment": found.assignment,
            "nearest_real": found.nearest_real,
        }
        if found.parents is not None:
            tensors["parents"] = found.parents
        metrics = measure_class(stored["latents"], found)
        if found.degenerate_clusters:
            logger.warning(
                "class %s: %d of %d modes repeat another or had no members; of %d latents, %d are "
                "distinct; remove duplicates, or ask for fewer images per class",
                wnid,
                found.degenerate_clusters,
                len(found.modes),
                len(found.assignment),
                metrics["distinct_latents"],
            )
        rows = tuple(
            {"mode": mode, "members": members}
            for mode, members in enumerate(found.member_counts.tolist())
        )
        made[wnid] = Made(tensors, len(found.modes), metrics, rows)
    return made


def measure_modes(modes: Mapping[str, Partition]) -> dict[str, float]:
    """Sum up what was measured while modes were found; spreads and silhouette as means of classes.

    Source: ours.
    """
    measured = [partition.metrics for partition in modes.values()]
    combined = {
        name: combine([of_class[name] for of_class in measured])
        for name, combine in COMBINED.items()
    }
    return {"modes": sum(partition.count for partition in modes.values()), **combined}
