"""Memories of real and predicted latents per class, and comparison of new predictions with them."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn


class Criteria(NamedTuple):
    """Terms that minimax fine-tuning adds to the loss, as scalars to be minimised.

    Args:
        representativeness: 1 - cosine of the least similar pair of a prediction and a real latent,
            0..2.
        diversity: Cosine of the most similar pair of a prediction and an earlier one, -1..1.
    """

    representativeness: torch.Tensor
    diversity: torch.Tensor


class ClassMemories(nn.Module):
    """The last real latents and the last predictions of each class, first in first out.

    They are buffers, so a checkpoint of the module includes them.

    Args:
        classes: Number of classes n.
        size: Number M of real latents, and of predictions, kept for each class.
        latent_shape: (C, H, W) of a latent.
    """

    real: torch.Tensor
    predicted: torch.Tensor
    seen: torch.Tensor

    def __init__(self, classes: int, size: int, latent_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("real", torch.zeros(classes, size, *latent_shape))
        self.register_buffer("predicted", torch.zeros(classes, size, *latent_shape))
        self.register_buffer("seen", torch.zeros(classes, dtype=torch.int64))

    def held(self, label: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the real latents and the predictions of a class, each (0..M, C, H, W)."""
        count = min(int(self.seen[label]), self.real.shape[1])
        return self.real[label, :count], self.predicted[label, :count]

    def remember(self, real: torch.Tensor, predicted: torch.Tensor, labels: torch.Tensor) -> None:
        """Add a batch; if a memory is full, the oldest latents are overwritten.

        Args:
            real: (B, C, H, W).
            predicted: (B, C, H, W).
            labels: (B,), int64, 0..n-1, on CPU.
        """
        size = self.real.shape[1]
        for label in labels.unique().tolist():
            rows = (labels == label).nonzero().flatten()
            seen, count = int(self.seen[label]), len(rows)
            slots = torch.arange(seen, seen + count)[-size:] % size
            slots, rows = slots.to(self.real.device), rows[-size:].to(self.real.device)
            self.real[label, slots] = real[rows].detach()
            self.predicted[label, slots] = predicted[rows].detach()
            self.seen[label] += count

    def compare(self, predicted: torch.Tensor, labels: torch.Tensor) -> Criteria:
        """Compare predictions with the memories of their classes; empty memories count as 0.

        For each class, only the one extreme pair counts, over all its predictions in the batch and
        its whole memory. The result is the mean over the classes of the batch.

        Args:
            predicted: (B, C, H, W), float32.
            labels: (B,), int64, 0..n-1, on CPU.

        Source: minimax diffusion (arXiv 2311.15529), released code.
        """
        furthest, nearest = predicted.new_zeros(()), predicted.new_zeros(())
        present = labels.unique().tolist()
        for label in present:
            real, earlier = self.held(label)
            if len(real):
                own = predicted[(labels == label).to(predicted.device)]
                furthest = furthest + (1 - cosines(own, real).min()) / len(present)
                nearest = nearest + cosines(own, earlier).max() / len(present)
        return Criteria(furthest, nearest)


def cosines(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the cosine of the angle between any two latents, (B, M).

    Args:
        first: (B, C, H, W).
        second: (M, C, H, W).
    """
    # Reduced precision has too few digits to tell nearly parallel latents apart.
    with torch.autocast(first.device.type, enabled=False):
        return F.normalize(first.flatten(1)) @ F.normalize(second.flatten(1)).T
