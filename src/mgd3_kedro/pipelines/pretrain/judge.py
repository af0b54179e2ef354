"""The judge of a prior: a network that is trained on real images and classifies samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checkpoint import Checkpoint, digest_of, name_checkpoint
from mgd3_kedro.checks import check_choice, check_count, check_range, lookup
from mgd3_kedro.devices import TRAINED_IN, reproducible, resolve_device
from mgd3_kedro.evaluation import (
    NETWORKS,
    EvaluationConfig,
    LabelledSet,
    train_network,
)
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.evaluation.scores import score
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.pipelines.pretrain.images import fitted, real_images
from mgd3_kedro.stages import Partition

VALIDATIONS = 5
"""Number of validations of a judge's training; they only show progress."""
SET_OVER = ("epochs", "batch_size", "crop_min_scale", "precision")
"""Settings of the judge; if one is None, the judge takes the value of evaluations."""


@dataclass(frozen=True)
class JudgeConfig:
    """Configuration of the judge of a prior's samples.

    The judge is trained with the hard-label protocol without CutMix. Other settings are those of
    evaluations.

    Args:
        samples_per_class: Number of samples per class.
        network: A name of `NETWORKS`.
        epoch_scale: Number of epochs, as a share of the protocol's number.
        epochs: Number of epochs, which replaces `epoch_scale`; None to use the share.
        learning_rate: Learning rate of the judge's training.
        batch_size: Images per update; None: the value of evaluations.
        image_size: Side of the judge's input in pixels, which selects its stem; None: 224, or the
            benchmark's side if that is smaller.
        crop_min_scale: Smallest share of the area that a random crop keeps; None: the value of
            evaluations.
        precision: One of `TRAINED_IN`; None: the value of evaluations.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    samples_per_class: int
    network: str
    epoch_scale: float
    epochs: int | None
    learning_rate: float
    batch_size: int | None
    image_size: int | None
    crop_min_scale: float | None
    precision: str | None

    def __post_init__(self) -> None:
        check_count("samples_per_class", self.samples_per_class)
        lookup(NETWORKS, self.network, "network")
        check_range("epoch_scale", self.epoch_scale, 0, low_open=True)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)
        for name in ("epochs", "batch_size", "image_size"):
            if (value := getattr(self, name)) is not None:
                check_count(name, value)
        if self.crop_min_scale is not None:
            check_range("crop_min_scale", self.crop_min_scale, 0, 1, low_open=True)
        if self.precision is not None:
            check_choice("precision", self.precision, TRAINED_IN)

    def schooling(self, evaluation: EvaluationConfig) -> EvaluationConfig:
        """Return the configuration of the judge's training, based on that of evaluations."""
        own = {name: value for name in SET_OVER if (value := getattr(self, name)) is not None}
        return replace(
            evaluation,
            protocol="hard",
            preset="judge",
            presets={"judge": self.epoch_scale},
            learning_rate=self.learning_rate,
            image_size=None,
            cutmix=False,
            validations=VALIDATIONS,
            **{"epochs": None, **own},
        )


@dataclass(frozen=True)
class Judge:
    """A trained classifier of images.

    Args:
        network: The network, in evaluation mode.
        image_size: Side of its input, in pixels.
        schooling: Configuration of its training.
        test_recognised: Top-1 accuracy on real test images, percent.
    """

    network: nn.Module
    image_size: int
    schooling: EvaluationConfig
    test_recognised: float

    def recognise(self, images: Mapping[str, torch.Tensor], benchmark: Benchmark) -> float:
        """Return the top-1 accuracy on images, in percent.

        Args:
            images: wnid -> images (N, 3, H, W), uint8.
            benchmark: The classes.
        """
        device = resolve_device(self.schooling.device)
        of_classes = LabelledSet.of_classes([images[wnid] for wnid in benchmark.wnids])
        shown = fitted(of_classes, self.image_size).to(device)
        passes = Passes(self.network, self.schooling.number_format, device)
        with reproducible(self.schooling.threads):
            return score(passes.classify(shown.images), shown.labels).top1


def train_judge(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    test_images: Mapping[str, Partition],
    checkpoints: Path,
    evaluation: EvaluationConfig,
    config: JudgeConfig,
) -> Judge:
    """Train the judge on the real train split; an interrupted training is resumed.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        test_images: The same of the test split; only for validation.
        checkpoints: Folder of checkpoints, for interrupted trainings.
        evaluation: Configuration of evaluations, the base of the judge's configuration.
        config: Configuration of the judge.

    Raises:
        DivergenceError: If the loss is not finite.
    """
    schooling = config.schooling(evaluation)
    size = config.image_size or schooling.side_of(benchmark.image_size)
    data, test = (
        fitted(real_images(benchmark, images), size) for images in (train_images, test_images)
    )
    code = code_digest(train_network, (schooling, config.network))
    identity = digest_of(schooling, config.network, code, data.images, test.images)
    result = train_network(
        data,
        test,
        network=config.network,
        ipc=max(train_images[wnid].count for wnid in benchmark.wnids),
        config=schooling,
        seed=0,
        checkpoint=Checkpoint(name_checkpoint(checkpoints, "judge", identity), identity),
        progress=ProgressLog("judge"),
        rate_setting="pretrain.judge.learning_rate",
    )
    return Judge(result.network, size, schooling, result.top1_last)
