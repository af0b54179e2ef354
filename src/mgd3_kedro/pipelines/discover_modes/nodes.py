"""Nodes that find modes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import torch

from mgd3_kedro.balance import allot_images
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.figures import draw_contact_sheet, draw_modes
from mgd3_kedro.figures.labels import note_selection
from mgd3_kedro.images import encoded_images
from mgd3_kedro.modes import ModesConfig, find_modes, measure_class
from mgd3_kedro.stages import Made, Partition, Stage, Task

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL.Image import Image

logger = logging.getLogger(__name__)

SHEET_CLASSES, SHEET_MODES, SHEET_MEMBERS = 3, 4, 12
COMBINED: dict[str, Callable[[Sequence[float]], float]] = {
    "inertia": sum,
    "smallest_cluster": min,
    "largest_cluster": max,
    "unassigned_latents": sum,
    "within_spread": fmean,
    "between_spread": fmean,
    "silhouette": fmean,
    "explained_variance": fmean,
    "explained_variance_in_finder": fmean,
    "agreement_of_seeds": fmean,
    "norm_ratio": fmean,
    "degenerate_clusters": sum,
    "distinct_latents": sum,
}
"""Measurement -> function that combines the values of all classes."""


def discover_modes(
    latents: Mapping[str, Partition],
    train_images: Mapping[str, Partition],
    config: ModesConfig,
) -> Stage:
    """Plan mode discovery in every class.

    A class has at most as many modes as images, also if each image has two latents.

    Args:
        latents: wnid -> latents (N, C, H, W), scaled.
        train_images: wnid -> the real images.
        config: Mode finder, and number of modes.

    Returns:
        wnid -> `modes` (K, C, H, W), `assignment` of the latents and `nearest_real` latents; with
        hierarchical clusters also `parents`, the mode that each mode was split from.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    real = {wnid: train_images[wnid].count for wnid in latents}
    counts = allot_images(real, config.ipc, config.balance)
    tasks = {
        wnid: Task({"latents": partition}, counts[wnid]) for wnid, partition in latents.items()
    }
    return Stage(discover_modes_of_classes, tasks, config)


def discover_modes_of_classes(batch: Mapping[str, Task], config: ModesConfig) -> dict[str, Made]:
    """Find the modes of some classes; a task has the number of modes of its class.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    made = {}
    for wnid, task in batch.items():
        stored = task.inputs["latents"]
        found = find_modes(stored["latents"], replace(config, ipc=task.about), wnid)
        tensors = {
            "modes": found.modes,
            "assignment": found.assignment,
            "nearest_real": found.nearest_real,
        }
        if found.parents is not None:
            tensors["parents"] = found.parents
        metrics = measure_class(stored["latents"], found, config)
        if found.degenerate_clusters:
            logger.warning(
                "class %s: %d of %d modes repeat another or had no members; of %d latents, %d "
                "are distinct; remove duplicate images, or lower ipc",
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
    """Return the measurements of modes over all classes, combined as in `COMBINED`."""
    measured = [partition.metrics for partition in modes.values()]
    combined = {
        name: combine([of_class[name] for of_class in measured])
        for name, combine in COMBINED.items()
    }
    return {"modes": sum(partition.count for partition in modes.values()), **combined}


def tabulate_modes(benchmark: Benchmark, modes: Mapping[str, Partition]) -> pd.DataFrame:
    """Return a table of measurements with one row per class, and the sizes of its clusters."""
    import pandas as pd

    return pd.DataFrame(
        {
            "wnid": spec.wnid,
            "class_name": spec.class_name,
            **modes[spec.wnid].metrics,
            "members": " ".join(str(row["members"]) for row in modes[spec.wnid].rows),
        }
        for spec in benchmark.classes
    )


def draw_modes_of_classes(
    benchmark: Benchmark, modes: Mapping[str, Partition], config: ModesConfig
) -> Figure:
    """Draw the cluster sizes and spreads of the first classes.

    Args:
        benchmark: The classes.
        modes: wnid -> modes, with the number of members of each.
        config: Configuration of the mode finder.
    """
    names = {spec.wnid: spec.class_name for spec in benchmark.classes}
    sizes = {
        names[wnid]: [row["members"] for row in partition.rows] for wnid, partition in modes.items()
    }
    spreads = {
        names[wnid]: (partition.metrics["within_spread"], partition.metrics["between_spread"])
        for wnid, partition in modes.items()
    }
    return draw_modes(sizes, spreads, title=_title(benchmark, config))


def draw_members(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    latents: Mapping[str, Partition],
    modes: Mapping[str, Partition],
    config: ModesConfig,
) -> Image:
    """Draw real images of the first modes of the first classes, one row per mode.

    Args:
        benchmark: The classes.
        train_images: wnid -> real images.
        latents: wnid -> their latents.
        modes: wnid -> modes, and the assignment of latents to them.
        config: Configuration of the mode finder.
    """
    rows, names = {}, {}
    for spec in benchmark.classes[:SHEET_CLASSES]:
        assignment = modes[spec.wnid].load()["assignment"]
        images, encoded = train_images[spec.wnid].load(), latents[spec.wnid].load()
        for mode in range(min(SHEET_MODES, modes[spec.wnid].count)):
            members = torch.nonzero(assignment == mode).flatten()[:SHEET_MEMBERS]
            if not len(members):
                continue
            row = f"{spec.wnid}/{mode}"
            rows[row] = encoded_images(images, encoded, members).permute(0, 2, 3, 1).numpy()
            names[row] = f"{spec.class_name}, mode {mode}"
    most = max(partition.count for partition in modes.values())
    selections = (
        f"up to {SHEET_MEMBERS} members",
        note_selection(SHEET_MODES, most, "modes"),
        note_selection(SHEET_CLASSES, len(benchmark.classes), "classes"),
    )
    told = ", ".join(filter(None, selections))
    return draw_contact_sheet(rows, names, title=f"{_title(benchmark, config)}: {told}")


def _title(benchmark: Benchmark, config: ModesConfig) -> str:
    modes = f"{config.ipc:,} mode{'' if config.ipc == 1 else 's'} per class"
    return f"{benchmark.name}, {modes} by {config.mode_finder}, seed {config.random_state}"
