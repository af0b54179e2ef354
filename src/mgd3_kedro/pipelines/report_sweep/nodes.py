"""Nodes that report on a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.figures import draw_image_grid, draw_interactive_sweep, draw_sweep
from mgd3_kedro.figures.labels import note_selection, title_images
from mgd3_kedro.figures.sweep_lines import REPEATED
from mgd3_kedro.metrics import score_names
from mgd3_kedro.points import POINT, axes_of, columns_of
from mgd3_kedro.stages import Partition

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure
    from PIL.Image import Image

SHOWN_CLASSES = 10


def tabulate_sweep(rows: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Join the results of trainings with the scores of images, for every point of a sweep.

    Args:
        rows: One row per training, with its `point`.
        scores: One row per class, with its `point`; may be empty.

    Returns:
        One row per training. Scores are means over classes, NaN if one class has none. A score with
        the same name as an axis gets the suffix `_of_images`.

    Raises:
        ValueError: If there is no training.
    """
    if rows.empty:
        raise ValueError(
            "sweep: expected points with trainings, got none; run a sweep with --pipelines=distill"
        )
    if scores.empty:
        return rows
    known = [name for name in score_names() if name in scores]
    means = scores.groupby(POINT)[known].mean(skipna=False)
    # An axis may have the same name as a score, for example precision.
    named_apart = ("", "_of_images")
    return rows.merge(means, left_on=POINT, right_index=True, how="left", suffixes=named_apart)


def draw_knob(
    table: pd.DataFrame, points: pd.DataFrame, knob: str | None, headline: str
) -> tuple[Figure, go.Figure]:
    """Draw accuracy, diversity and representativeness over the varied parameter of a sweep.

    Args:
        table: One row per training.
        points: One row per point: its axes, and its state.
        knob: Column of the varied parameter; None if there is only one.
        headline: The accuracy to draw, `top1_last` or `top1_best`.

    Returns:
        The figure, and its interactive version.

    Raises:
        ValueError: If `knob` is unknown, or if it is None and there are several parameters.

    Source: MGD3 (arXiv 2505.18963), Figures 4, 7 and 9.
    """
    name = find_knob(points, knob)
    axes = tuple(columns_of(axes_of(points)).values())
    title = _title(table)
    return (
        draw_sweep(table, name, headline=headline, axes=axes, title=title),
        draw_interactive_sweep(table, name, headline=headline, axes=axes, title=title),
    )


def draw_images_over_knob(
    benchmark: Benchmark,
    images: Mapping[str, Mapping[str, Partition]],
    points: pd.DataFrame,
    knob: str | None,
) -> Image:
    """Draw the first image of the first classes, for each value of the varied parameter.

    If several points (seeds, methods) have the same value, the first one is shown.

    Args:
        benchmark: The classes.
        images: point -> wnid -> images (ipc, 3, H, W), uint8.
        points: One row per point: its axes, and its state.
        knob: Column of the varied parameter; None if there is only one.

    Raises:
        ValueError: If no point has images, if `knob` is unknown, or if it is None and there are
            several parameters.

    Source: MGD3 (arXiv 2505.18963), Figure 5.
    """
    if not images:
        raise ValueError("sweep: expected points with distilled images, got none")
    name = find_knob(points, knob)
    (axis,) = (key for key, column in columns_of(axes_of(points)).items() if column == name)
    with_images = points[points[POINT].isin(list(images))]
    shown = with_images.drop_duplicates(axis)
    classes = benchmark.classes[:SHOWN_CLASSES]
    rows = [
        [images[point][spec.wnid].load()[0].numpy() for point in shown[POINT]] for spec in classes
    ]
    names = [f"{value:g}" if isinstance(value, float) else str(value) for value in shown[axis]]
    selection = note_selection(SHOWN_CLASSES, len(benchmark.classes), "classes")
    title = f"{axis}: {selection}" if selection else axis
    return draw_image_grid(rows, [spec.class_name for spec in classes], names, title=title)


def find_knob(points: pd.DataFrame, knob: str | None) -> str:
    """Return the column of the varied parameter of a sweep, the x axis of its figure.

    Args:
        points: One row per point: its axes, and its state.
        knob: Configured column; None if there is only one axis except those in `REPEATED`.

    Raises:
        ValueError: If `knob` is unknown, or if it is None and there are several such axes or none.
    """
    names = list(columns_of(axes_of(points)).values())
    if knob is not None:
        if knob not in names:
            raise ValueError(f"knob: expected one of {', '.join(names)}, got {knob!r}")
        return knob
    found = [name for name in names if name not in REPEATED]
    if len(found) != 1:
        known = ", ".join(names)
        raise ValueError(f"knob: expected one of {known}, got none; add --params knob=NAME")
    return found[0]


def _title(table: pd.DataFrame) -> str:
    """Return a title of benchmark, images per class and method, as far as all trainings agree."""
    told = {
        key: values[0] if len(values := table[key].unique()) == 1 else None
        for key in ("benchmark", "ipc", "method")
        if key in table
    }
    benchmark, ipc, method = (told.get(key) for key in ("benchmark", "ipc", "method"))
    if ipc is not None:
        return title_images(str(benchmark or ""), int(ipc), str(method or ""), list(table["seed"]))
    return ", ".join(str(one) for one in (benchmark, method) if one is not None)
