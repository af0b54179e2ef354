"""Nodes that plan trainings of networks, and what they need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS, EvaluationConfig
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.fingerprint import configuration_digest
from mgd3_kedro.pipelines.train_eval.fitting import fit_classes, fit_of, fit_to
from mgd3_kedro.pipelines.train_eval.labelling import Labelling, Lesson, label_epochs
from mgd3_kedro.pipelines.train_eval.trainings import Subject, Trainings, run_trainings
from mgd3_kedro.pipelines.train_eval.weighting import weigh_images
from mgd3_kedro.records import KNOBS, Benchmark
from mgd3_kedro.stages import Partition, Stage, Task, images_per_class, name_together

LESSONS = 10
"""Parts that stored labels are written in."""


@dataclass(frozen=True)
class TrainingsConfig:
    """Which networks are trained, and how often.

    Args:
        networks: Names of `NETWORKS`, or several in one text with semicolons between them.
        repeats: Trainings of each network on the same images.
        mode_weight_exponent: Images count for the number of real images that their mode stands
            for, to this power; 0: all alike.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    networks: Sequence[str]
    repeats: int
    mode_weight_exponent: float

    def __post_init__(self) -> None:
        if isinstance(self.networks, str) or not self.networks:
            raise ValueError(f"networks: expected a list of names, got {self.networks!r}")
        # Kedro ends a value of the command line at a comma: a list has semicolons there.
        names = [name.strip() for text in self.networks for name in str(text).split(";")]
        object.__setattr__(self, "networks", names)
        for name in names:
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
        seen_size: Side of what networks see, in pixels; None: the published one.

    Returns:
        wnid -> `images` (N, 3, S, S), uint8.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    tasks = {wnid: Task((test_images[wnid],)) for wnid in benchmark.wnids}
    side = side_of(seen_size, benchmark.image_size)
    return Stage(fit_classes, tasks, fit_to(PROTOCOLS[protocol], side, benchmark.image_size))


def label_images(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    teacher: Partition,
    config: EvaluationConfig,
    trainings: TrainingsConfig,
    seed: int,
) -> Stage:
    """Plan what a teacher is shown before the trainings, where the protocol has its labels stored.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, to train on.
        teacher: A trained network.
        config: The protocol.
        trainings: Which networks are trained with the labels.
        seed: Seed of the images, and of the batches that the teacher is shown.

    Returns:
        Some epochs -> epoch -> logits (N, n), float16; nothing for other protocols.

    Source: FKD (arXiv 2112.01528), section 3.
    """
    fit = fit_of(config, benchmark.image_size)
    images = [evaluated_images[wnid] for wnid in benchmark.wnids]
    plan = config.plan(images_per_class(images), len(images), trainings.networks[0])
    # What changes no batch leaves stored labels valid.
    batches = replace(plan, learning_rate=0, weight_decay=0, momentum=0, temperature=0)
    size = math.ceil(plan.epochs / LESSONS)
    tasks = {}
    for first in range(1, plan.epochs + 1, size):
        epochs = (first, min(first + size - 1, plan.epochs))
        lesson = Lesson(epochs, benchmark.classes, seed)
        tasks[f"epochs-{first:05}"] = Task((*images, teacher), lesson)
    settings = Labelling(config.protocol, batches, fit, config.precision, config.device)
    return Stage(label_epochs, tasks if config.recipe.labels == "stored" else {}, settings)


def train_networks(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    fitted_test_images: Mapping[str, Partition],
    teacher: Partition,
    soft_labels: Mapping[str, Partition],
    training_checkpoints: Path,
    config: EvaluationConfig,
    trainings: TrainingsConfig,
    method: str,
    backbone: str,
    seed: int,
    variant: str,
    split: str,
) -> Stage:
    """Plan every training.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, to train on.
        fitted_test_images: wnid -> `images` (N, 3, S, S), uint8, to test on.
        teacher: A trained network, for protocols that ask one.
        soft_labels: What it said, for protocols that have it stored.
        training_checkpoints: Folder for interrupted trainings.
        config: The protocol.
        trainings: Which networks, how often.
        method: What made the images.
        backbone: What they were drawn from.
        seed: Seed of the images.
        variant: What tells images of the same method apart, where its knobs do not.
        split: What is tested on.

    Returns:
        Training -> its result row, curve and confusion matrix.

    Source: Minimax diffusion (arXiv 2311.15529), section 5.
    """
    images = [evaluated_images[wnid] for wnid in benchmark.wnids]
    tests = [fitted_test_images[wnid] for wnid in benchmark.wnids]
    source = config.recipe.labels
    given = {"given": (), "teacher": (teacher,), "stored": tuple(soft_labels.values())}[source]
    facts = images[0].rows[0] if images[0].rows else {}
    fit = fit_of(config, benchmark.image_size)
    exponent = trainings.mode_weight_exponent
    weights = weigh_images(images, exponent)
    data_set = name_together(images)
    made_by = [partition.configuration for partition in (*images, *given)]
    tasks = {}
    for network in trainings.networks:
        plan = config.plan(images_per_class(images), len(images), network)
        configuration = configuration_digest(run_trainings, [plan, fit, config.precision], made_by)
        for repeat in range(trainings.repeats):
            # No two trainings of a comparison share a seed, on whichever images.
            training_seed = seed * trainings.repeats + repeat
            row = {
                "benchmark": benchmark.name,
                "split": split,
                "image_size": fit.size,
                "ipc": images_per_class(images),
                "method": method,
                "backbone": backbone,
                "network": network,
                "protocol": config.protocol,
                "preset": config.length,
                "seed": seed,
                "training_seed": training_seed,
                "variant": variant,
                "data_set": data_set,
                "configuration": configuration,
                **{knob: facts.get(knob) for knob in KNOBS},
                "mode_weight_exponent": exponent or None,
            }
            # Labels that were stored belong to the batches they were made for.
            batch_seed = seed if source == "stored" else training_seed
            taught_by = tuple(partition.fingerprint for partition in given)
            subject = Subject(row, benchmark.classes, batch_seed, taught_by, weights)
            tasks[f"{network}-{training_seed}"] = Task((*images, *tests, *given), subject)
    return Stage(run_trainings, tasks, Trainings(config, fit, str(training_checkpoints)))
