"""Nodes that tabulate, summarise and draw the results of trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.evaluation import EvaluationConfig
from mgd3_kedro.evaluation.scores import class_accuracy
from mgd3_kedro.figures import draw_confusion, draw_training_curves
from mgd3_kedro.figures.labels import label_training, title_images
from mgd3_kedro.metrics.intervals import accuracy_interval, bootstrap_means
from mgd3_kedro.metrics.landing import sum_up_landing
from mgd3_kedro.result_columns import ACCURACIES, FINISHED, ROW_COLUMNS
from mgd3_kedro.stages import Partition, name_together

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RESAMPLES, CONFIDENCE = 10_000, 0.95


def collect_rows(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    trainings: Mapping[str, Partition],
    settings: str,
    config: EvaluationConfig,
    method: str,
    backbone: str,
    split: str,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the results of all trainings as tables.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images that networks were trained on.
        trainings: Training -> measurements, curve and confusion matrix.
        settings: Settings that differ from the environment's, as `name=value` words.
        config: Configuration of a training, with the protocol.
        method: Name of the method that made the images.
        backbone: Name of the backbone that they were sampled from.
        split: Test split.
        seed: Seed of the images.

    Returns:
        A table with one row per training, one with a row per training and validation, and one with
        a row per training and class. If images were made for modes, the first table also has the
        shares of images that are nearest to their own mode.
    """
    import pandas as pd

    images = [evaluated_images[wnid] for wnid in benchmark.wnids]
    landed = sum_up_landing(pd.DataFrame([dict(row) for one in images for row in one.rows]))
    values = {name: partition.load() for name, partition in trainings.items()}
    run = {
        "benchmark": benchmark.name,
        "split": split,
        "image_size": config.side_of(benchmark.image_size),
        "method": method,
        "backbone": backbone,
        "protocol": config.protocol,
        "preset": config.length,
        "seed": seed,
        "settings": settings,
        "data_set": name_together(images),
    }
    rows = pd.DataFrame(
        {
            **run,
            **{name: value[name] for name in ("network", "ipc", "training_seed")},
            "configuration": trainings[training].configuration,
            **value["measured"],
            **landed,
            "environment": trainings[training].environment,
            "command": trainings[training].command,
        }
        for training, value in values.items()
    )
    further = [column for column in rows if column not in ROW_COLUMNS]
    curves = [{"training": name, **row} for name, value in values.items() for row in value["curve"]]
    classes = [
        {"training": name, "wnid": spec.wnid, "class_name": spec.class_name, "top1_last": accuracy}
        for name, value in values.items()
        for spec, accuracy in zip(benchmark.classes, class_accuracies(value), strict=False)
    ]
    columns = ["training", "epoch", "step", "train_loss", "learning_rate", "top1"]
    return (
        rows[[*ROW_COLUMNS, *further]],
        pd.DataFrame(curves, columns=columns),
        pd.DataFrame(classes, columns=["training", "wnid", "class_name", "top1_last"]),
    )


def class_accuracies(value: Mapping[str, Any]) -> list[float]:
    """Return the accuracy of every class, percent; empty for an unfinished training."""
    if not value["confusion"]:
        return []
    return [float(share) for share in class_accuracy(torch.tensor(value["confusion"]))]


def measure_accuracy(result_rows: pd.DataFrame) -> dict[str, float]:
    """Return mean, population standard deviation and bootstrap interval per network.

    The interval covers the variation between trainings on these images, not the variation between
    data sets of the method.

    Raises:
        FloatingPointError: If trainings have no finite loss; the message names them. Their rows
            are kept.

    Source: Minimax diffusion (arXiv 2311.15529), released code, uses the population's deviation.
    """
    check_outcomes(result_rows["outcome"].tolist())
    measured: dict[str, float] = {}
    for network, rows in result_rows.groupby("network", sort=False):
        for kind in ACCURACIES:
            values = rows[kind].to_numpy()
            measured[f"{network}/{kind}_mean"] = float(values.mean())
            measured[f"{network}/{kind}_std"] = float(values.std())
            if len(values) > 1:
                draws = bootstrap_means([values], RESAMPLES, np.random.default_rng(0))
                low, high = accuracy_interval(draws, CONFIDENCE)
                measured |= {f"{network}/{kind}_low": low, f"{network}/{kind}_high": high}
        for kind in ("top5_last", "calibration_error", "seconds"):
            measured[f"{network}/{kind}"] = float(rows[kind].mean())
    return measured


def draw_accuracy(
    benchmark: Benchmark,
    trainings: Mapping[str, Partition],
    training_curves: pd.DataFrame,
    method: str,
    seed: int,
) -> tuple[Figure, Figure]:
    """Draw the training curves, and the confusion matrix summed over all trainings.

    Args:
        benchmark: The classes.
        trainings: Training -> measurements and confusion matrix.
        training_curves: One row per training and validation.
        method: Name of the method that made the images.
        seed: Seed of the images.

    Raises:
        FloatingPointError: If no training finished.
    """
    values = [partition.load() for partition in trainings.values()]
    if not any(value["confusion"] for value in values):
        check_outcomes([value["measured"]["outcome"] for value in values])
    curves: dict[str, Any] = {
        label_training(str(name)): rows.rename(columns={"train_loss": "loss"}).to_dict("records")
        for name, rows in training_curves.groupby("training", sort=False)
    }
    count = len(benchmark.classes)
    counts = torch.zeros(count, count, dtype=torch.int64)
    finished = [value for value in values if value["confusion"]]
    for value in finished:
        counts += torch.tensor(value["confusion"])
    names = [spec.class_name for spec in benchmark.classes]
    title = title_images(benchmark.name, values[0]["ipc"], method, [seed])
    return (
        draw_training_curves(curves, title=title),
        draw_confusion(counts.numpy(), names, title=title, trainings=len(finished)),
    )


def check_outcomes(outcomes: Sequence[str]) -> None:
    """Check that all trainings finished.

    Raises:
        FloatingPointError: If some did not; the message names them.
    """
    if lost := [outcome for outcome in outcomes if outcome != FINISHED]:
        listed = "\n  ".join(lost)
        raise FloatingPointError(
            f"{len(lost)} of {len(outcomes)} trainings did not finish; the results of the others "
            f"are kept:\n  {listed}"
        )
