"""Nodes that find modes."""

from __future__ import annotations

from collections.abc import Mapping

from mgd3_kedro.modes import ModesConfig, find_modes
from mgd3_kedro.stages import LoadedTask, Made, Partition, Stage, Task


def discover_modes(latents: Mapping[str, Partition], config: ModesConfig) -> Stage:
    """Plan mode discovery in every class.

    Args:
        latents: wnid -> latents (N, C, H, W), scaled.
        config: Which mode finder, how many modes.

    Returns:
        wnid -> modes (K, C, H, W) with their members and nearest real latents.

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
        counts = found.member_counts
        metrics = {
            "inertia": found.inertia,
            "smallest_cluster": float(counts.min()),
            "largest_cluster": float(counts.max()),
        }
        made[wnid] = Made(tensors, len(found.modes), metrics)
    return made


def measure_modes(modes: Mapping[str, Partition]) -> dict[str, float]:
    """Sum up what was measured while modes were found.

    Source: ours.
    """
    metrics = [partition.metrics for partition in modes.values()]
    return {
        "modes": sum(partition.count for partition in modes.values()),
        "inertia": sum(of_class["inertia"] for of_class in metrics),
        "smallest_cluster": min(of_class["smallest_cluster"] for of_class in metrics),
        "largest_cluster": max(of_class["largest_cluster"] for of_class in metrics),
    }
