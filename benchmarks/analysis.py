"""Time to score a class, compared with distances computed as sums of differences."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.models import SEED, Bench
from benchmarks.timing import Spread, spread_of, time_ratios, time_rounds
from mgd3_kedro.metrics import BALL_NEIGHBOURS, METRICS, AnalysisConfig, Neighbourhoods
from mgd3_kedro.metrics.diversity import REPRESENTATIVENESS_NEIGHBOURS
from mgd3_kedro.pipelines.analyze_diversity.features import FeatureSettings
from mgd3_kedro.pipelines.analyze_diversity.nodes import Analysis, analyze_classes
from mgd3_kedro.pipelines.analyze_diversity.radii import measure_classes
from mgd3_kedro.stages import Task

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredClass:
    """Random real and synthetic images of one class.

    Args:
        real: Number of real images.
        synthetic: Number of synthetic images.
        side: Side of an image, in pixels.
    """

    real: int
    synthetic: int
    side: int

    def images(self, count: int) -> torch.Tensor:
        """Return images that differ as much as photos do, (N, 3, S, S), uint8."""
        generator = torch.Generator().manual_seed(SEED + count)
        shape = (count, 3, self.side, self.side)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    def features(self, count: int) -> Samples:
        """Return the pixels of such images, (N, D)."""
        return self.images(count).flatten(1).numpy().astype(np.float64)


def compare_with_differences(bench: Bench, of: ScoredClass) -> Spread:
    """Return the time to score a class, over that of its distances as sums of differences."""
    real, synthetic = of.features(of.real), of.features(of.synthetic)

    def score() -> None:
        samples = Neighbourhoods(real, synthetic)
        for measure in METRICS.values():
            measure(samples)

    return spread_of(time_ratios(score, lambda: sum_differences(real, synthetic), bench.seconds))


def sum_differences(real: Samples, synthetic: Samples) -> None:
    """Compute every distance between the samples of a class by summing differences."""
    from sklearn.metrics import pairwise_distances

    def square(one: Samples, other: Samples) -> Samples:
        return pairwise_distances(one, other, metric="sqeuclidean")

    for samples in (real, synthetic):
        np.partition(square(samples, samples), BALL_NEIGHBOURS, axis=1)
    nearest = min(REPRESENTATIVENESS_NEIGHBOURS, len(real)) - 1
    np.partition(square(synthetic, real), nearest, axis=1)


def measure_class_seconds(bench: Bench, of: ScoredClass) -> Spread:
    """Return the CPU seconds of the stage for a class, with radii and without a t-SNE plane."""
    seeing = FeatureSettings("pixels", of.side, None)
    config = AnalysisConfig(
        perplexity=30.0, random_state=0, plane_components=50, features="pixels", planes="drawn"
    )
    real, synthetic = of.images(of.real), of.images(of.synthetic)

    def analyze() -> None:
        radii = measure_classes({"n0": Task({"real": real})}, seeing)["n0"].value
        inputs = {"images": synthetic, "real": real, "radii": radii}
        task = Task(inputs, {"class_name": "n0", "has_plane": False})
        analyze_classes({"n0": task}, Analysis(seeing, config))

    return spread_of(time_rounds(analyze, bench.seconds, time.process_time))
