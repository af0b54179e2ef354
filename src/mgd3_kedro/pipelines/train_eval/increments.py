"""Trainings on increments of a set, and tests on every increment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from mgd3_kedro.checkpoint import Checkpoint, digest_of
from mgd3_kedro.devices import resolve_device
from mgd3_kedro.evaluation import EvaluationConfig, LabelledSet, train_network
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.evaluation.scores import score
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.pipelines.train_eval.fitting import Fit, training_set
from mgd3_kedro.pipelines.train_eval.labelling import LABELS, LabelContext
from mgd3_kedro.pipelines.train_eval.originals import load_training_images
from mgd3_kedro.pipelines.train_eval.trainings import TrainingSubject
from mgd3_kedro.stages import Made, Task, neutral


@dataclass(frozen=True)
class Division:
    """Settings that all trainings on increments share.

    Args:
        config: Configuration of a training.
        fit: Resize and centre crop of images.
        size: Image files per class in an increment.
        labels: A name of `LABELS`.
        checkpoints: Folder of checkpoints, for interrupted trainings.
    """

    config: EvaluationConfig
    fit: Fit
    size: int
    labels: str
    checkpoints: str = neutral()


@dataclass(frozen=True)
class IncrementTraining:
    """A training on one increment.

    Args:
        increment: Number of the increment, counted from 0.
        subject: The training.
    """

    increment: int
    subject: TrainingSubject


def run_on_increments(batch: Mapping[str, Task], settings: Division) -> dict[str, Made]:
    """Train each network on one increment, and test it on every increment.

    Raises:
        DivergenceError: If a loss is not finite.

    Source: LGD (arXiv 2604.00519), its comparison of increments.
    """
    config, fit, made = settings.config, settings.fit, {}
    for name, task in batch.items():
        subject, number = task.about.subject, task.about.increment
        classes = task.inputs["images"]
        places = increments_of([len(images) for images in classes], settings.size)
        small_images = subject.small_images
        shown = training_set(classes, config.recipe, fit, subject.weights, small_images)
        see = partial(
            load_training_images, resize=fit.resize, size=fit.size, small_images=small_images
        )
        tested = LabelledSet.of_classes([see(images, fitted=True) for images in classes])
        data = only(shown, places[number])
        identity = digest_of(
            task.about, config, code_digest(run_on_increments, settings), data.images
        )
        checkpoint = Checkpoint(Path(settings.checkpoints, f"increment-{name}.ckpt"), identity)
        context = LabelContext(subject.classes, fit.size, config.precision, config.device)
        result = train_network(
            data,
            tested,
            network=subject.network,
            ipc=subject.ipc,
            config=config,
            seed=subject.seed,
            labels=LABELS[settings.labels](task, context),
            checkpoint=checkpoint,
            progress=ProgressLog(f"increment {name}"),
            small_images=small_images,
        )
        checkpoint.remove()
        device = resolve_device(config.device)
        passes = Passes(result.network, config.number_format, device)
        logits = passes.classify(tested.images).cpu()
        top1 = [score(logits[rows], tested.labels[rows]).top1 for rows in places]
        value = {"network": subject.network, "increment": number + 1, "top1": top1}
        made[name] = Made(value, len(data.images))
    return made


def increments_of(counts: Sequence[int], size: int) -> list[torch.Tensor]:
    """Return the row indices of every complete increment of a set, (classes * size,) each.

    Args:
        counts: Number of images of each class; the rows of a set are sorted by class.
        size: Images per class in an increment.
    """
    starts = torch.tensor([0, *counts[:-1]]).cumsum(0)
    first = (starts[:, None] + torch.arange(size)).flatten()
    return [first + number * size for number in range(min(counts) // size)]


def only(data: LabelledSet, rows: torch.Tensor) -> LabelledSet:
    """Return some images of a set, with their labels and weights."""
    weights = None if data.weights is None else data.weights[rows]
    return LabelledSet(data.images[rows], data.labels[rows], data.num_classes, weights)
