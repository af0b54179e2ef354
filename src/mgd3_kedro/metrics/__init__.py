"""Metrics of the synthetic features of one class, compared with the real ones.

A metric maps the `Neighbourhoods` of real and synthetic features to a number. Of the members of
`METRICS`, representativeness is a distance and small is good. The ratios are best near 1. For all
others, large is good.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from numpy.typing import NDArray

from mgd3_kedro.metrics.analysis import AnalysisConfig
from mgd3_kedro.metrics.coverage import BALL_NEIGHBOURS, Neighbourhoods
from mgd3_kedro.metrics.distances import Features, check_features, measure_radii
from mgd3_kedro.metrics.diversity import (
    measure_diversity,
    measure_representativeness,
    normalise_jointly,
    score_diversity,
    score_representativeness,
)
from mgd3_kedro.metrics.memorisation import compare_nearest, measure_nearest, prefer_training
from mgd3_kedro.metrics.projection import ProjectionConfig, project_jointly
from mgd3_kedro.metrics.size import measure_norm_ratio, measure_pairwise_ratio

__all__ = [
    "BALL_NEIGHBOURS",
    "METRICS",
    "SAMPLE_SCORES",
    "AnalysisConfig",
    "Neighbourhoods",
    "ProjectionConfig",
    "check_features",
    "compare_nearest",
    "measure_nearest",
    "measure_radii",
    "normalise_jointly",
    "prefer_training",
    "project_jointly",
    "score_diversity",
    "score_names",
    "score_representativeness",
]

METRICS: dict[str, Callable[[Neighbourhoods], float]] = {
    "coverage": attrgetter("coverage"),
    "density": attrgetter("density"),
    "diversity": measure_diversity,
    "norm_ratio": measure_norm_ratio,
    "pairwise_ratio": measure_pairwise_ratio,
    "precision": attrgetter("precision"),
    "recall": attrgetter("recall"),
    "representativeness": measure_representativeness,
    "symmetric_recall": attrgetter("symmetric_recall"),
}

SAMPLE_SCORES: dict[str, Callable[[Features, Features], NDArray[Any]]] = {
    "diversity": lambda real, synthetic: score_diversity(synthetic),
    "representativeness": score_representativeness,
}
"""Metrics that are means over samples -> function of real (N, D) and synthetic (M, D) features that
returns a score per synthetic sample, (M,)."""


def score_names() -> tuple[str, ...]:
    """Return the names of a class's scores: all metrics, and some in the plane of t-SNE too."""
    return (*METRICS, *(f"{name}_in_plane" for name in SAMPLE_SCORES))
