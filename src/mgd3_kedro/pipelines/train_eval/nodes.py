"""Nodes that train and test networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from mgd3_kedro.checks import check_count, lookup
from mgd3_kedro.evaluation import NETWORKS, EvaluationConfig, train_network
from mgd3_kedro.figures import draw_confusion, draw_training_curves
from mgd3_kedro.records import KNOBS, ROW_COLUMNS, Benchmark
from mgd3_kedro.stages import LoadedTask, Made, Partition, Stage, Task
from mgd3_kedro.version import code_version

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class TrainingsConfig:
    """Which networks are trained, and how often.

    Args:
        networks: Names of `NETWORKS`.
        repeats: Trainings of each network on the same images.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    networks: Sequence[str]
    repeats: int

    def __post_init__(self) -> None:
        if isinstance(self.networks, str) or not self.networks:
            raise ValueError(f"networks: expected a list of names, got {self.networks!r}")
        for name in self.networks:
            lookup(NETWORKS, name, "network")
        check_count("repeats", self.repeats, 1)


def train_networks(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    test_images: Mapping[str, Partition],
    config: EvaluationConfig,
    trainings: TrainingsConfig,
    method: str,
    backbone: str,
    seed: int,
) -> Stage:
    """Plan every training.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, S, S), uint8, to train on.
        test_images: wnid -> images (N, 3, S, S), uint8, to test on.
        config: The protocol.
        trainings: Which networks, how often.
        method: What made the images.
        backbone: What they were drawn from.
        seed: Seed of the images.

    Returns:
        Training -> its result row, curve and confusion matrix.

    Source: Minimax diffusion (arXiv 2311.15529), section 5.
    """
    images = [evaluated_images[wnid] for wnid in benchmark.wnids]
    tests = [test_images[wnid] for wnid in benchmark.wnids]
    ipc = max(partition.count for partition in images)
    facts = images[0].rows[0] if images[0].rows else {}
    tasks = {}
    for network in trainings.networks:
        for repeat in range(trainings.repeats):
            row = {
                "benchmark": benchmark.name,
                "ipc": ipc,
                "method": method,
                "backbone": backbone,
                "network": network,
                "protocol": config.protocol,
                "preset": config.preset,
                "seed": seed,
                # No two trainings of a comparison share a seed, on whichever images.
                "training_seed": seed * trainings.repeats + repeat,
                **{knob: facts.get(knob) for knob in KNOBS},
            }
            tasks[f"{network}-{row['training_seed']}"] = Task((*images, *tests), row)
    return Stage(run_trainings, tasks, config)


def run_trainings(batch: Mapping[str, LoadedTask], config: EvaluationConfig) -> dict[str, Made]:
    """Train and test some networks.

    Source: Minimax diffusion (arXiv 2311.15529), section 5.
    """
    made = {}
    for name, task in batch.items():
        classes = len(task.inputs) // 2
        images, labels = _stack(task.inputs[:classes])
        test_images, test_labels = _stack(task.inputs[classes:])
        row = task.about
        result = train_network(
            images,
            labels,
            test_images,
            test_labels,
            network=row["network"],
            num_classes=classes,
            ipc=row["ipc"],
            config=config,
            seed=row["training_seed"],
        )
        measured = {
            "top1_last": result.top1_last,
            "top1_best": result.top1_best,
            "code_version": code_version(),
            "epochs": result.epochs,
            "steps": result.steps,
            "seconds": result.seconds,
            "parameters": result.parameters,
        }
        value = {
            "row": {**row, **measured},
            "curve": result.curve,
            "confusion": result.confusion.tolist(),
        }
        made[name] = Made(value, len(images))
    return made


def collect_rows(trainings: Mapping[str, Partition]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the results of all trainings into tables.

    Returns:
        One row per training; one row per training and validation.

    Source: ours.
    """
    import pandas as pd

    values = {name: partition.load() for name, partition in trainings.items()}
    rows = pd.DataFrame([value["row"] for value in values.values()])
    further = [column for column in rows if column not in ROW_COLUMNS]
    curves = [{"training": name, **row} for name, value in values.items() for row in value["curve"]]
    return rows[[*ROW_COLUMNS, *further]], pd.DataFrame(curves)


def measure_accuracy(result_rows: pd.DataFrame) -> dict[str, float]:
    """Return mean and population standard deviation per network, both kinds of accuracy.

    Source: Minimax diffusion (arXiv 2311.15529), released code, for the population's.
    """
    measured: dict[str, float] = {}
    for network, rows in result_rows.groupby("network"):
        for kind in ("top1_last", "top1_best"):
            measured[f"{network}/{kind}_mean"] = float(rows[kind].mean())
            measured[f"{network}/{kind}_std"] = float(rows[kind].std(ddof=0))
        measured[f"{network}/seconds"] = float(rows["seconds"].mean())
    return measured


def draw_accuracy(
    benchmark: Benchmark, trainings: Mapping[str, Partition], training_curves: pd.DataFrame
) -> tuple[Figure, Figure]:
    """Draw the training curves, and the confusion matrix summed over all trainings.

    Source: ours.
    """
    curves: dict[str, Any] = {
        str(name): rows.rename(columns={"train_loss": "loss"}).to_dict("records")
        for name, rows in training_curves.groupby("training", sort=False)
    }
    counts = sum(torch.tensor(partition.load()["confusion"]) for partition in trainings.values())
    names = [spec.class_name for spec in benchmark.classes]
    return draw_training_curves(curves), draw_confusion(torch.as_tensor(counts).numpy(), names)


def _stack(classes: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    labels = [torch.full((len(images),), label) for label, images in enumerate(classes)]
    return torch.cat([images[:] for images in classes]), torch.cat(labels)
