"""Nodes that measure real images once, for all that is compared with them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checks import naming
from mgd3_kedro.metrics import BALL_NEIGHBOURS, check_features, measure_radii
from mgd3_kedro.pipelines.analyze_diversity.features import REAL_FEATURES, FeatureSettings
from mgd3_kedro.stages import Made, Partition, Stage, Task


def measure_latents(benchmark: Benchmark, latents: Mapping[str, Partition]) -> Stage:
    """Plan measuring how far the real images of every class are apart, by latents.

    It does not depend on what is compared with them: any method, seed and number of images.

    Args:
        benchmark: The classes.
        latents: wnid -> latents of the real images (N, C, h, w), scaled.

    Returns:
        wnid -> `radii` (N,), from each image to its fifth nearest other.
    """
    return _plan_radii(benchmark, latents, "latents")


def measure_pixels(benchmark: Benchmark, train_images: Mapping[str, Partition]) -> Stage:
    """Plan the same by pixels.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, S, S), uint8.

    Returns:
        wnid -> `radii` (N,), from each image to its fifth nearest other.
    """
    return _plan_radii(benchmark, train_images, "pixels")


def _plan_radii(benchmark: Benchmark, real: Mapping[str, Partition], features: str) -> Stage:
    tasks = {wnid: Task({"real": real[wnid]}) for wnid in benchmark.wnids}
    return Stage(measure_classes, tasks, FeatureSettings(features, benchmark.image_size, None))


def measure_classes(batch: Mapping[str, Task], seeing: FeatureSettings) -> dict[str, Made]:
    """Measure the balls around the real images of some classes.

    Source: arXiv 1904.06991, section 2.
    """
    made = {}
    for wnid, task in batch.items():
        with naming(f"class {wnid}"):
            (real,) = check_features({"real": REAL_FEATURES[seeing.features](task, seeing)})
        radii = torch.from_numpy(measure_radii(real, BALL_NEIGHBOURS))
        made[wnid] = Made({"radii": radii}, len(radii))
    return made
