"""Targets of trainings: given labels, or the logits of a teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.evaluation import PROTOCOLS
from mgd3_kedro.evaluation.labels import (
    Labels,
    StoredLabels,
    TeacherLabels,
    own_targets,
    record_labels,
)
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.recipe import TrainingPlan
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.pipelines.train_eval.fitting import Fit, training_set
from mgd3_kedro.stages import Made, Task, neutral, off_at


@dataclass(frozen=True)
class EpochBlock:
    """Consecutive epochs whose soft labels are computed together.

    Args:
        epochs: First and last epoch, counted from 1.
        classes: Classes of the benchmark.
        batch_seed: Seed of the batches.
        small_images: Small images that replace one image (multi-formation).
    """

    epochs: tuple[int, int]
    classes: tuple[ClassSpec, ...]
    batch_seed: int
    small_images: int = off_at(1, default=1)


@dataclass(frozen=True)
class Labelling:
    """Settings that stored soft labels depend on.

    Args:
        protocol: A name of `PROTOCOLS`.
        plan: Batch size and strengths of the augmentation; other hyperparameters are 0.
        fit: Resize and centre crop of images.
        precision: Precision of the teacher, a name of `PRECISIONS`.
        device: Name of the teacher's device.
    """

    protocol: str
    plan: TrainingPlan
    fit: Fit
    precision: str
    device: str = neutral()


@dataclass(frozen=True)
class LabelContext:
    """Settings of the teacher of a training.

    Args:
        classes: Classes of the benchmark.
        image_size: Side of the networks' input, in pixels.
        precision: A name of `PRECISIONS`.
        device: Name of the device.
    """

    classes: tuple[ClassSpec, ...]
    image_size: int
    precision: str
    device: str


def label_epochs(batch: Mapping[str, Task], settings: Labelling) -> dict[str, Made]:
    """Compute the teacher's logits of some epochs.

    Raises:
        NotFiniteError: If a logit is not finite.

    Source: FKD (arXiv 2112.01528), section 3.
    """
    made = {}
    recipe, fit = PROTOCOLS[settings.protocol], settings.fit
    for name, task in batch.items():
        block: EpochBlock = task.about
        shown = training_set(task.inputs["images"], recipe, fit, small_images=block.small_images)
        data = shown.to(resolve_device(settings.device))
        context = LabelContext(block.classes, fit.size, settings.precision, settings.device)
        teacher = teacher_at(context, task.inputs["teacher"])
        first, last = block.epochs
        logits = {
            str(epoch): record_labels(
                recipe,
                data,
                fit.size,
                settings.plan,
                teacher,
                epoch=epoch,
                seed=block.batch_seed,
            )
            for epoch in range(first, last + 1)
        }
        made[name] = Made(logits, len(data.images) * len(logits))
    return made


def teacher_at(context: LabelContext, folder: Any) -> Passes:
    """Load a teacher on the device of the trainings.

    Raises:
        ValueError: If the folder has no teacher for these classes and this input size.
    """
    device = resolve_device(context.device)
    network = load_teacher(folder, context.classes, context.image_size).to(device)
    return Passes(network, PRECISIONS[context.precision], device)


def _from_images(task: Task, context: LabelContext) -> Labels:
    return own_targets


def _from_teacher(task: Task, context: LabelContext) -> Labels:
    return TeacherLabels(teacher_at(context, task.inputs["teacher"]))


def _from_store(task: Task, context: LabelContext) -> Labels:
    blocks = task.inputs["labels"]
    epochs = {int(epoch): logits for block in blocks for epoch, logits in block.items()}
    return StoredLabels(epochs, resolve_device(context.device))


LABELS: dict[str, Callable[[Task, LabelContext], Labels]] = {
    "given": _from_images,
    "teacher": _from_teacher,
    "stored": _from_store,
}
"""`labels` of a recipe -> (task, with `teacher` or stored `labels` if needed; context) -> function
that returns the targets of a batch."""
