"""Passes through a network: gradients of a batch, confusion over a test set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mgd3_kedro.evaluation.augment import normalize

CPU_CHUNK = 16
"""Images a CPU takes at once: their activations stay in its cache, a quarter faster than 64."""
ACCELERATOR_CHUNK = 256
"""Test images an accelerator classifies at once."""


@dataclass(frozen=True)
class Passes:
    """A network with the precision it computes in and the place it computes at.

    Args:
        model: Maps normalised images (B, 3, S, S) to logits (B, n).
        precision: float32, or bfloat16 under autocast with float32 weights.
        device: Where the model is.
    """

    model: nn.Module
    precision: torch.dtype
    device: torch.device

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return float32 logits, (B, n), of normalised images (B, 3, S, S)."""
        reduced = self.precision is not torch.float32
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced):
            logits: torch.Tensor = self.model(inputs)
        return logits.float()

    def backward(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        """Add a batch's gradients to the weights and return its mean loss, without waiting.

        A CPU works on chunks of the batch, which is the same sum; not with batch norm, which
        has to see a batch as a whole.

        Args:
            inputs: (B, 3, S, S), normalised.
            targets: (B, n).
            loss: (logits, targets) -> mean loss.

        Source: ours.
        """
        whole = self.device.type != "cpu" or any(
            isinstance(module, _BatchNorm) for module in self.model.modules()
        )
        chunk = len(inputs) if whole else CPU_CHUNK
        total = torch.zeros((), device=self.device)
        for part, wanted in zip(inputs.split(chunk), targets.split(chunk), strict=True):
            share = loss(self.logits(part), wanted) * (len(part) / len(inputs))
            share.backward()
            total += share.detach()
        return total

    @torch.no_grad()
    def confusion(
        self, images: torch.Tensor, labels: torch.Tensor, num_classes: int
    ) -> torch.Tensor:
        """Classify images and count (true, predicted) pairs, rows true; (n, n), int64, on CPU.

        Args:
            images: (M, 3, S, S), uint8.
            labels: (M,), int64.
            num_classes: n.

        Source: ours.
        """
        self.model.eval()
        chunk = CPU_CHUNK if self.device.type == "cpu" else ACCELERATOR_CHUNK
        predicted = [
            self.logits(normalize(part.float() / 255)).argmax(1) for part in images.split(chunk)
        ]
        self.model.train()
        pairs = labels * num_classes + torch.cat(predicted)
        counts = torch.bincount(pairs, minlength=num_classes**2)
        return counts.view(num_classes, num_classes).cpu()
