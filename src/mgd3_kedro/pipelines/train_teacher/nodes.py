"""Nodes that train a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checkpoint import Checkpoint, digest_of, name_checkpoint
from mgd3_kedro.evaluation import HardLabelConfig, LabelledSet, train_network
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.evaluation.resampling import resize_real_images
from mgd3_kedro.evaluation.teacher import describe_teacher
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.stages import Partition
from mgd3_kedro.version import code_version


def train_teacher(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    test_images: Mapping[str, Partition],
    checkpoints: Path,
    config: HardLabelConfig,
) -> tuple[dict[str, Any], dict[str, float], pd.DataFrame]:
    """Train a network on the whole train split; an interrupted training is resumed.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, H, H), uint8.
        test_images: wnid -> images (M, 3, H, H), uint8; only for validation.
        checkpoints: Folder of checkpoints, for interrupted trainings.
        config: Configuration of the training.

    Returns:
        The files of the teacher; its accuracies in percent and its seconds; its learning curve.

    Raises:
        DivergenceError: If the loss is not finite.

    Source: RDED (arXiv 2312.03526), section 4, whose teachers are trained on the full set.
    """
    size = config.side_of(benchmark.image_size)
    data, test = (
        LabelledSet.of_classes(
            [images[wnid].load() for wnid in benchmark.wnids],
            partial(resize_real_images, resize=size, size=size),
        )
        for images in (train_images, test_images)
    )
    code = code_digest(train_network, config)
    identity = digest_of(config, code, data.images, test.images)
    checkpoint = Checkpoint(name_checkpoint(checkpoints, "teacher", identity), identity)
    result = train_network(
        data,
        test,
        network=config.network,
        ipc=max(train_images[wnid].count for wnid in benchmark.wnids),
        config=config,
        seed=config.seed,
        checkpoint=checkpoint,
        progress=ProgressLog("teacher"),
        rate_setting="teacher_training.learning_rate",
    )
    measured = {
        "top1_last": result.top1_last,
        "top5_last": result.scores.top5,
        "calibration_error": result.scores.calibration_error,
        "seconds": result.seconds,
    }
    facts = {"benchmark": benchmark.name, "code_version": code_version(), **asdict(config)}
    files = describe_teacher(
        result.network, config.network, size, benchmark.wnids, {**facts, **measured}
    )
    return files, measured, pd.DataFrame(result.curve)
