"""Labelled images for training and test; the shapes are checked when a set is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from mgd3_kedro.devices import send
from mgd3_kedro.evaluation.mapped import allocate, is_mapped

SMALLEST = 1e-12
"""Smallest divisor of targets, for images of weight 0."""


@dataclass(frozen=True)
class LabelledSet:
    """Images and their labels.

    Args:
        images: (N, 3, H, H), uint8; a memory-mapped tensor stays on the CPU, also if the labels
            are on another device.
        labels: (N,), int64, 0..num_classes-1.
        num_classes: Number of classes, n.
        weights: (N,), float, weight of each image in the loss, 0 or more; None for equal weights.

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
            raise ValueError(f"labels: expected 0..{self.num_classes - 1}, got {low}..{high}")
        if self.weights is not None and (
            self.weights.shape != shape[:1] or not bool((self.weights >= 0).all())
        ):
            raise ValueError(
                f"weights: expected {shape[0]} values of 0 or more, got "
                f"{tuple(self.weights.shape)} with minimum {float(self.weights.min()):g}"
            )

    @classmethod
    def of_classes(
        cls, images: Sequence[Any], show: Callable[[Any], torch.Tensor] = torch.as_tensor
    ) -> LabelledSet:
        """Join the images of all classes, in label order, without a second copy in memory.

        Args:
            images: One entry per class; its length is the number of images of the class.
            show: Converts the entry of a class to a tensor (N, 3, H, H), uint8.

        Raises:
            ValueError: If there is no class, or if the tensor of a class has another size, type
                or number of images than expected.
        """
        counts = torch.tensor([len(of) for of in images])
        ends = counts.cumsum(0).tolist()
        together: torch.Tensor | None = None
        for of, count, end in zip(images, counts.tolist(), ends, strict=True):
            shown = show(of)
            if together is None:
                together = allocate((ends[-1], *shown.shape[1:]), shown.dtype)
            expected = (count, *together.shape[1:])
            if tuple(shown.shape) != expected or shown.dtype != together.dtype:
                raise ValueError(
                    f"images: expected {together.dtype} of shape {expected} as of the first class, "
                    f"got {shown.dtype} of shape {tuple(shown.shape)}"
                )
            together[end - count : end] = shown
        if together is None:
            raise ValueError("images: expected at least one class, got none")
        return cls(together, torch.arange(len(counts)).repeat_interleave(counts), len(counts))

    @property
    def device(self) -> torch.device:
        """Device of the labels and of the batches."""
        return self.labels.device

    def to(self, device: torch.device) -> LabelledSet:
        """Return the set on a device; memory-mapped images stay on the CPU."""
        images = self.images if is_mapped(self.images) else self.images.to(device)
        weights = None if self.weights is None else self.weights.to(device)
        return replace(self, images=images, labels=self.labels.to(device), weights=weights)

    def images_of(self, rows: torch.Tensor) -> torch.Tensor:
        """Return some images, (B, 3, H, H), uint8, on the set's device.

        Args:
            rows: (B,), int64, indices of the images, on the CPU.
        """
        return send(self.images[send(rows, self.images.device)], self.device)

    def targets_of(self, rows: torch.Tensor) -> torch.Tensor:
        """Return one-hot targets of some images, (B, n), multiplied by the images' weights.

        Args:
            rows: (B,), int64, indices of the images, on the CPU.
        """
        rows = send(rows, self.device)
        targets = F.one_hot(self.labels[rows], self.num_classes).float()
        return targets if self.weights is None else targets * self.weights[rows, None]


class TrainingBatch(NamedTuple):
    """A batch for one optimiser step.

    Args:
        inputs: (B, 3, S, S), normalised.
        targets: (B, n), class probabilities.
        rows: Position of the batch in the order of its epoch.
        weights: (B,), weight of each input in the loss; None for equal weights.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    rows: slice
    weights: torch.Tensor | None = None

    @classmethod
    def of(
        cls, data: LabelledSet, inputs: torch.Tensor, targets: torch.Tensor, rows: slice
    ) -> TrainingBatch:
        """Return a batch; split weighted targets into class probabilities and weights.

        Args:
            data: The set that the targets come from.
            inputs: (B, 3, S, S), normalised.
            targets: (B, n), one-hot targets of the data times its weights, perhaps mixed.
            rows: Position of the batch in the order of its epoch.
        """
        if data.weights is None:
            return cls(inputs, targets, rows)
        weights = targets.sum(1)
        return cls(inputs, targets / weights.clamp_min(SMALLEST)[:, None], rows, weights)
