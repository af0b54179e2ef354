"""Nodes that measure the radii of real images, once for all methods."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checks import naming
from mgd3_kedro.metrics import BALL_NEIGHBOURS, check_features, measure_radii
from mgd3_kedro.pipelines.analyze_diversity.features import REAL_FEATURES, FeatureSettings
from mgd3_kedro.stages import Made, Partition, Stage, Task


def measure_latents(benchmark: Benchmark, latents: Mapping[str, Partition]) -> Stage:
    """Plan the measurement of the radii of real images, in latent space.

    The radii do not depend on method, seed and number of images of the distilled set.

    Args:
        benchmark: The classes.
        latents: wnid -> latents of the real images (N, C, h, w), scaled.

    Returns:
        wnid -> `radii` (N,), distance of each image to its fifth nearest other image.
    """
    return _plan_radii(benchmark, latents, "latents")


def measure_pixels(benchmark: Benchmark, train_images: Mapping[str, Partition]) -> Stage:
    """Plan the measurement of the radii of real images, in pixel space.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, S, S), uint8.

    Returns:
        wnid -> `radii` (N,), distance of each image to its fifth nearest other image.
    """
    return _plan_radii(benchmark, train_images, "pixels")


def _plan_radii(benchmark: Benchmark, real: Mapping[str, Partition], features: str) -> Stage:
    tasks = {wnid: Task({"real": real[wnid]}) for wnid in benchmark.wnids}
    return Stage(measure_classes, tasks, FeatureSettings(features, benchmark.image_size, None))


def measure_classes(batch: Mapping[str, Task], seeing: FeatureSettings) -> dict[str, Made]:
    """Measure the radii of the balls around the real images of some classes.

    Source: improved precision and recall (arXiv 1904.06991), section 2.
    """
    made = {}
    for wnid, task in batch.items():
        with naming(f"class {wnid}"):
            (real,) = check_features({"real": REAL_FEATURES[seeing.features](task, seeing)})
        radii = torch.from_numpy(measure_radii(real, BALL_NEIGHBOURS))
        made[wnid] = Made({"radii": radii}, len(radii))
    return made
