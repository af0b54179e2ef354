"""Nodes that plan the trainings of networks, their test images and soft labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS, EvaluationConfig
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.pipelines.train_eval.fitting import Fit, fit_classes, fit_of, fit_to
from mgd3_kedro.pipelines.train_eval.labelling import EpochBlock, Labelling, label_epochs
from mgd3_kedro.pipelines.train_eval.originals import fingerprint_resize, given_images
from mgd3_kedro.pipelines.train_eval.trainings import Trainings, TrainingSubject, run_trainings
from mgd3_kedro.pipelines.train_eval.weighting import weigh_images
from mgd3_kedro.stages import (
    Partition,
    Stage,
    Task,
    images_per_class,
    selecting,
    small_images_per_image,
)

LABEL_PARTS = 10
"""Number of parts of stored labels."""


@dataclass(frozen=True)
class TrainingsConfig:
    """Configuration of the trainings.

    Args:
        mode_weight_exponent: The weight of an image in the loss is the number of real images of
            its mode to this power; 0 for equal weights.
        networks: Names of `NETWORKS`.
        repeats: Number of trainings of each network on the same images.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    mode_weight_exponent: float
    networks: Sequence[str] = selecting()
    repeats: int = selecting()

    def __post_init__(self) -> None:
        if isinstance(self.networks, str) or not self.networks:
            raise ValueError(f"networks: expected a list of names, got {self.networks!r}")
        for name in self.networks:
            lookup(NETWORKS, name, "network")
        check_count("repeats", self.repeats, 1)
        check_range("mode_weight_exponent", self.mode_weight_exponent, 0)


def fit_test_images(
    benchmark: Benchmark,
    test_images: Mapping[str, Partition],
    protocol: str,
    seen_size: int | None,
) -> Stage:
    """Plan the decoding of the test images, once for all trainings.

    Args:
        benchmark: The classes.
        test_images: wnid -> images (N, 3, H, H), uint8.
        protocol: A name of `PROTOCOLS`.
        seen_size: Side of the networks' input, in pixels; None: 224, or the benchmark's side if
            that is smaller.

    Returns:
        wnid -> `images` (N, 3, S, S), uint8.

    Raises:
        ValueError: If `seen_size` is larger than the benchmark's side.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    side = side_of(seen_size, benchmark.image_size)
    fit = fit_to(PROTOCOLS[protocol], side, benchmark.image_size)
    seen = fingerprint_resize(test_images, fit.resize, benchmark.image_size)
    tasks = {wnid: Task({"images": seen[wnid]}) for wnid in benchmark.wnids}
    return Stage(fit_classes, tasks, fit)


def label_images(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    teacher: Partition,
    config: EvaluationConfig,
    networks: Sequence[str],
    seed: int,
    train_images: Mapping[str, Partition] | None = None,
) -> Stage:
    """Plan the soft labels of a protocol that stores them before the trainings.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, to train on.
        teacher: A trained network.
        config: Configuration of a training, with the protocol.
        networks: Names of the networks that are trained with the labels.
        seed: Seed of the images and of the batches.
        train_images: wnid -> images (N, 3, H, H), uint8, if the images to train on are some of
            them; else None.

    Returns:
        Name of a block of epochs -> epoch -> logits (N, n), float16.

    Source: FKD (arXiv 2112.01528), section 3.
    """
    fit = fit_of(config, benchmark.image_size)
    images = _in_order(benchmark, evaluated_images, train_images, fit)
    small_images = small_images_per_image(images)
    plan = config.plan(images_per_class(images), len(images), networks[0], small_images)
    # Stored labels do not depend on hyperparameters that do not change the batches.
    batches = replace(plan, learning_rate=0, weight_decay=0, momentum=0, temperature=0)
    size = math.ceil(plan.epochs / LABEL_PARTS)
    tasks = {}
    for first in range(1, plan.epochs + 1, size):
        epochs = (first, min(first + size - 1, plan.epochs))
        block = EpochBlock(epochs, benchmark.classes, seed, small_images)
        tasks[f"epochs-{first:05}"] = Task({"images": images, "teacher": teacher}, block)
    settings = Labelling(config.protocol, batches, fit, config.precision, config.device)
    return Stage(label_epochs, tasks, settings)


def train_networks(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    fitted_test_images: Mapping[str, Partition],
    training_checkpoints: Path,
    config: EvaluationConfig,
    trainings: TrainingsConfig,
    seed: int,
    teacher: Partition | None = None,
    soft_labels: Mapping[str, Partition] | None = None,
    train_images: Mapping[str, Partition] | None = None,
) -> Stage:
    """Plan every training.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, to train on.
        fitted_test_images: wnid -> `images` (N, 3, S, S), uint8, to test on.
        training_checkpoints: Folder of checkpoints, for interrupted trainings.
        config: Configuration of a training, with the protocol.
        trainings: Networks and repeats.
        seed: Seed of the images.
        teacher: A trained network, for protocols with a teacher.
        soft_labels: Stored logits of the teacher, for protocols with stored labels.
        train_images: wnid -> images (N, 3, H, H), uint8, if the images to train on are some of
            them; else None.

    Returns:
        Training -> measurements, curve and confusion matrix.

    Source: Minimax diffusion (arXiv 2311.15529), section 5.
    """
    fit = fit_of(config, benchmark.image_size)
    images = _in_order(benchmark, evaluated_images, train_images, fit)
    tests = tuple(fitted_test_images[wnid] for wnid in benchmark.wnids)
    taught: dict[str, Partition | tuple[Partition, ...]] = {}
    if soft_labels is not None:
        taught = {"labels": tuple(soft_labels.values())}
    elif teacher is not None:
        taught = {"teacher": teacher}
    taught_by = tuple(partition.fingerprint for _, partition in Task(taught).partitions)
    inputs = {"images": images, "test_images": tests, **taught}
    exponent = trainings.mode_weight_exponent
    weights = weigh_images(images, exponent)
    ipc, small_images = images_per_class(images), small_images_per_image(images)
    tasks = {}
    for network in trainings.networks:
        config.plan(ipc, len(images), network, small_images)
        for repeat in range(trainings.repeats):
            # Different trainings of a comparison have different seeds, also on different images.
            training_seed = seed * trainings.repeats + repeat
            # Stored labels are valid only for the batches that the teacher was shown.
            batch_seed = training_seed if soft_labels is None else seed
            subject = TrainingSubject(
                *(network, ipc, training_seed, batch_seed),
                *(benchmark.classes, taught_by, weights, small_images),
            )
            tasks[f"{network}-{training_seed}"] = Task(inputs, subject)
    settings = Trainings(config, fit, exponent, str(training_checkpoints))
    return Stage(run_trainings, tasks, settings)


def _in_order(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    train_images: Mapping[str, Partition] | None,
    fit: Fit,
) -> tuple[Partition, ...]:
    """Return the images to train on, in label order; real images come from their files."""
    given = given_images(evaluated_images, train_images, fit.resize, benchmark.image_size)
    return tuple(given[wnid] for wnid in benchmark.wnids)
