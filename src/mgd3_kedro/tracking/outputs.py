"""Logging of the outputs of nodes, as the metadata of their catalog entries say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mgd3_kedro.result_columns import ACCURACIES
from mgd3_kedro.tracking.runs import RunTracker


def log_output(
    tracker: RunTracker, kinds: str | Iterable[str] | None, name: str, data: Any, dataset: Any
) -> None:
    """Log an output in the ways that the metadata of its catalog entry name, if any.

    Args:
        tracker: Tracker of the run.
        kinds: A name of `LOGGERS`, several names, or None.
        name: Name of the entry.
        data: Value that was saved.
        dataset: Dataset that saved it.

    Raises:
        ValueError: If a name is not in `LOGGERS`.
    """
    for kind in [kinds] if isinstance(kinds, str) else kinds or ():
        if kind not in LOGGERS:
            raise ValueError(f"metadata.mlflow of {name}: expected {sorted(LOGGERS)}, got {kind!r}")
        LOGGERS[kind](tracker, name, data, dataset)


def _log_metrics(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    stage = name.removesuffix("_metrics")
    tracker.log_metrics({f"{stage}/{key}": value for key, value in data.items()})


def _log_headline(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    # Only the first network, so that a list of runs has one column for any networks.
    means = data[data["network"] == data["network"].iloc[0]][list(ACCURACIES)].mean()
    # Without a finished training there is no mean.
    tracker.log_metrics(means.dropna().to_dict())


def _log_curve(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    # One history per numeric column, and per value of the others, e.g. per training.
    values = [column for column in data.select_dtypes("number") if column != "step"]
    words = list(data.select_dtypes(exclude="number"))
    points = [
        ("/".join([name, *(str(row[word]) for word in words), value]), row[value], int(row["step"]))
        for row in data.to_dict("records")
        for value in values
    ]
    tracker.log_history(points)


def _log_artifact(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    tracker.log_file(_place_of(dataset))


def _log_figure(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    # Include the script of plotly, so that MLflow can show the page offline.
    page = data.to_html(include_plotlyjs=True)
    tracker.log_text(page, _place_of(dataset).with_suffix(".html").name)


def _place_of(dataset: Any) -> Path:
    return Path(dataset._describe()["filepath"])


LOGGERS: dict[str, Callable[[RunTracker, str, Any, Any], None]] = {
    "metrics": _log_metrics,
    "headline": _log_headline,
    "curve": _log_curve,
    "artifact": _log_artifact,
    "figure": _log_figure,
}
