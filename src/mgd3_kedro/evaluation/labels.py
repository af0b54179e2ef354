"""What a network is trained to say of a batch: its labels, its teacher's view, or one kept."""

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


def given_labels(epoch: int, batch: TrainingBatch) -> torch.Tensor:
    """Return the labels of the images, mixed as the images are."""
    return batch.targets


@dataclass(frozen=True)
class TeacherLabels:
    """Asks a teacher about every batch.

    Args:
        teacher: A trained network.
    """

    teacher: Passes

    def __call__(self, epoch: int, batch: TrainingBatch) -> torch.Tensor:
        """Return the teacher's logits, (B, n)."""
        return self.teacher.logits_of(batch.inputs)


@dataclass(frozen=True)
class StoredLabels:
    """Repeats what a teacher said when the same batches were shown to it.

    Args:
        epochs: Epoch -> logits of its images, in their order of that epoch, (N, n).
        device: Where the network is trained.
    """

    epochs: Mapping[int, torch.Tensor]
    device: torch.device

    def __call__(self, epoch: int, batch: TrainingBatch) -> torch.Tensor:
        """Return the stored logits, (B, n)."""
        return send(self.epochs[epoch][batch.rows], self.device).float()


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Return what an epoch's order, augmentation and mixing are drawn from.

    A function of seed and epoch alone: a training that is taken up again sees the same batches, and
    labels that were stored fit them.
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
    """Ask a teacher about a whole epoch, once for all networks.

    Args:
        recipe: Whose batches.
        data: What will be trained on, on the teacher's device.
        image_size: Side of what networks see, in pixels.
        plan: The numbers of the trainings.
        teacher: A trained network.
        epoch: Counted from 1.
        seed: That the batches are drawn from.

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
