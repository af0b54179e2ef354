"""Targets of a batch: given labels, the logits of a teacher, or its stored logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from mgd3_kedro.checks import check_finite
from mgd3_kedro.devices import send
from mgd3_kedro.evaluation.data import LabelledSet, TrainingBatch
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.recipe import Recipe, TrainingPlan
from mgd3_kedro.randomness import seeded_generator

Labels = Callable[[int, TrainingBatch], torch.Tensor]
"""(epoch counted from 1, batch) -> targets (B, n) for the loss of the recipe."""


def own_targets(epoch: int, batch: TrainingBatch) -> torch.Tensor:
    """Return the targets of the batch, (B, n); CutMix mixed them like the images."""
    return batch.targets


@dataclass(frozen=True)
class TeacherLabels:
    """Targets that a teacher computes for every batch.

    Args:
        teacher: A trained network.
    """

    teacher: Passes

    def __call__(self, epoch: int, batch: TrainingBatch) -> torch.Tensor:
        """Return the teacher's logits, (B, n)."""
        return self.teacher.logits_of(batch.inputs)


@dataclass(frozen=True)
class StoredLabels:
    """Targets that a teacher computed before, for the same batches.

    Args:
        epochs: Epoch -> the teacher's logits (N, n), in the order of that epoch.
        device: Device that the network is trained on.
    """

    epochs: Mapping[int, torch.Tensor]
    device: torch.device

    def __call__(self, epoch: int, batch: TrainingBatch) -> torch.Tensor:
        """Return the stored logits, (B, n)."""
        return send(self.epochs[epoch][batch.rows], self.device).float()


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Return the generator of an epoch's order, augmentation and mixing.

    It depends on seed and epoch alone. Therefore a resumed training sees the same batches, and
    stored labels belong to these batches.
    """
    return seeded_generator(seed, epoch)


@torch.no_grad()
def record_labels(
    recipe: Recipe,
    data: LabelledSet,
    image_size: int,
    plan: TrainingPlan,
    teacher: Passes,
    *,
    epoch: int,
    seed: int,
) -> torch.Tensor:
    """Compute the teacher's logits for one epoch, which all networks then share.

    Args:
        recipe: The protocol, which makes the batches.
        data: Training images, on the teacher's device.
        image_size: Side of the networks' input, in pixels.
        plan: Hyperparameters of the trainings.
        teacher: A trained network.
        epoch: Counted from 1.
        seed: Seed of the batches.

    Returns:
        Logits, (N, n), float16, on CPU, in the order of that epoch.

    Raises:
        NotFiniteError: If a logit is not finite.

    Source: FKD (arXiv 2112.01528), section 3.
    """
    batches = recipe.batches(data, image_size, plan, epoch_generator(seed, epoch))
    logits = torch.cat([teacher.logits_of(batch.inputs).half().cpu() for batch in batches])
    names = [f"place {place} of epoch {epoch}" for place in range(len(logits))]
    check_finite(
        "logits of the teacher",
        logits,
        "they are stored as float16, which ends at 65504; check the teacher's weights, and set "
        "evaluation.precision=fp32 if it computes in another",
        names,
    )
    return logits
