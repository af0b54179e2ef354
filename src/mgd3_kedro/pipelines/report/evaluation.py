"""Report sections on the trainings of a run: learning curves and confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.counting import count
from mgd3_kedro.figures.labels import label_training
from mgd3_kedro.report import Section, missing
from mgd3_kedro.report.charts import chart_lines
from mgd3_kedro.report.class_charts import chart_confusion
from mgd3_kedro.report.wording import how_to
from mgd3_kedro.stages import Partition

if TYPE_CHECKING:
    import pandas as pd

LEARNING_KEY, LEARNING_TITLE = "learning", "Learning curves"
CONFUSION_KEY, CONFUSION_TITLE = "confusion", "Confusion"
NOT_THERE = f"This run has no trainings yet. {how_to('train')}"
NOT_FINISHED = "No training of this run has finished."
MOST_CURVES, MISTAKES = 14, 5


def show_learning(training_curves: pd.DataFrame | None) -> Section:
    """Return a section with test accuracy and training loss over the epochs of every training.

    Args:
        training_curves: One row per training and validation.
    """
    if training_curves is None:
        return missing(LEARNING_KEY, LEARNING_TITLE, NOT_THERE)
    if training_curves.empty:
        return missing(LEARNING_KEY, LEARNING_TITLE, NOT_FINISHED)
    groups = list(training_curves.groupby("training", sort=False))
    lines: dict[str, dict[str, list[tuple[float, float]]]] = {"top1": {}, "train_loss": {}}
    for name, rows in groups[:MOST_CURVES]:
        for column, of in lines.items():
            known = rows[rows[column].notna()]
            of[label_training(str(name))] = list(zip(known["epoch"], known[column], strict=True))
    left_out = len(groups) - MOST_CURVES
    return Section(
        LEARNING_KEY,
        LEARNING_TITLE,
        "Every training from its first epoch to its last. Test images are only used to measure "
        "accuracy.",
        {
            "accuracy": chart_lines(lines["top1"], "epoch", "top-1 on test images, %"),
            "loss": chart_lines(lines["train_loss"], "epoch", "training loss", from_zero=True),
        },
        f"Left out: {count(left_out, 'training')} more." if left_out > 0 else "",
    )


def show_confusion(benchmark: Benchmark, trainings: Mapping[str, Partition] | None) -> Section:
    """Return a section with the confusion matrix, summed over all trainings.

    Args:
        benchmark: The classes.
        trainings: Training -> its results, with `confusion`; None if there are none.
    """
    loaded = [partition.load()["confusion"] for partition in (trainings or {}).values()]
    matrices = [np.array(matrix) for matrix in loaded if matrix]
    if not matrices:
        note = NOT_FINISHED if trainings else NOT_THERE
        return missing(CONFUSION_KEY, CONFUSION_TITLE, note)
    counts = np.sum(matrices, axis=0)
    names = [spec.class_name for spec in benchmark.classes]
    total = int(counts.sum())
    added = "one training" if len(matrices) == 1 else f"{len(matrices)} trainings added up"
    lead = (
        f"Predicted classes of test images: {added}, {total:,} predictions, "
        f"{100 * np.trace(counts) / total:.1f} % of them right. Darker: a larger share of the "
        "true class."
    )
    content = {"matrix": chart_confusion(counts, names), "mistakes": _mistakes(counts, names)}
    return Section(CONFUSION_KEY, CONFUSION_TITLE, lead, content)


def _mistakes(counts: NDArray[Any], names: list[str]) -> list[tuple[str, str, str, str]]:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKES]
    lines = []
    for true, taken in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if number := int(wrong[true, taken]):
            share = f"{100 * number / counts[true].sum():.1f} %"
            lines.append((names[true], names[taken], f"{number:,}", share))
    return lines
