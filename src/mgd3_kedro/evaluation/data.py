"""Images to train and to test on; each set refuses wrong shapes at birth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F

SMALLEST = 1e-12
"""Weight that targets are divided by where theirs is none."""


@dataclass(frozen=True)
class LabelledSet:
    """Images and their labels.

    Args:
        images: (N, 3, H, H), uint8.
        labels: (N,), int64, 0..num_classes-1.
        num_classes: n.
        weights: (N,), float, what an image counts for, 0 or more; None where all count alike.

    Raises:
        ValueError: If shapes, types or labels do not fit each other.
    """

    images: torch.Tensor
    labels: torch.Tensor
    num_classes: int
    weights: torch.Tensor | None = None

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.images.shape), self.images.dtype
        if dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:
            raise ValueError(
                f"images: expected uint8 of shape (N, 3, S, S), got {dtype} of shape {shape}"
            )
        if not shape[0] or self.labels.shape != shape[:1] or self.labels.dtype != torch.int64:
            raise ValueError(
                f"images: expected at least one and an int64 label for each, got {shape[0]} with "
                f"labels {self.labels.dtype} of shape {tuple(self.labels.shape)}"
            )
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= self.num_classes:
            raise ValueError(
                f"labels: expected those of 0..{self.num_classes - 1}, got {low}..{high}"
            )
        if self.weights is not None and (
            self.weights.shape != shape[:1] or not bool((self.weights >= 0).all())
        ):
            raise ValueError(
                f"weights: expected {shape[0]} of 0 or more, got {tuple(self.weights.shape)} from "
                f"{float(self.weights.min()):g}"
            )

    @classmethod
    def of_classes(cls, images: Sequence[torch.Tensor]) -> LabelledSet:
        """Put classes together, each (N, 3, H, H), in label order."""
        labels = [torch.full((len(of),), label) for label, of in enumerate(images)]
        return cls(torch.cat([*images]), torch.cat(labels), len(images))

    def to(self, device: torch.device) -> LabelledSet:
        """Return the set on a device."""
        weights = None if self.weights is None else self.weights.to(device)
        return replace(
            self, images=self.images.to(device), labels=self.labels.to(device), weights=weights
        )

    def targets_of(self, rows: torch.Tensor) -> torch.Tensor:
        """Return what some images are, (B, n): their weight at their class, 0 elsewhere."""
        targets = F.one_hot(self.labels[rows], self.num_classes).float()
        return targets if self.weights is None else targets * self.weights[rows, None]


class Batch(NamedTuple):
    """What an update sees.

    Args:
        inputs: (B, 3, S, S), normalised.
        targets: (B, n), class probabilities.
        rows: Place of the batch within its epoch.
        weights: (B,), what an input counts for; None where all count alike.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    rows: slice
    weights: torch.Tensor | None = None

    @classmethod
    def of(
        cls, data: LabelledSet, inputs: torch.Tensor, targets: torch.Tensor, rows: slice
    ) -> Batch:
        """Return a batch whose targets, mixed or not, come from those of the data."""
        if data.weights is None:
            return cls(inputs, targets, rows)
        weights = targets.sum(1)
        return cls(inputs, targets / weights.clamp_min(SMALLEST)[:, None], rows, weights)
