"""Passes through a network: gradients of a batch, logits of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mgd3_kedro.devices import Precision, matmul_precision, send
from mgd3_kedro.evaluation.augment import normalize

CPU_CHUNK_PIXELS = 16 * 32**2
"""Pixels per chunk on a CPU. Their activations fit into its cache: a ConvNet is a quarter faster
than with chunks of four times this size."""
ACCELERATOR_CHUNK = 256
"""Images per chunk on an accelerator, without gradients."""


@dataclass(frozen=True)
class Passes:
    """Forward and backward passes of a network, in a precision and on a device.

    Args:
        model: Maps normalised images (B, 3, S, S) to logits (B, n).
        precision: Precision of activations; weights stay in float32.
        device: Device of the model.
    """

    model: nn.Module
    precision: Precision
    device: torch.device

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return float32 logits, (B, n), of normalised images (B, 3, S, S)."""
        reduced = self.precision.dtype is not torch.float32
        with (
            matmul_precision(self.precision),
            torch.autocast(self.device.type, self.precision.dtype, enabled=reduced),
        ):
            logits: torch.Tensor = self.model(inputs)
        return logits.float()

    def backward(
        self, inputs: torch.Tensor, loss: Callable[[torch.Tensor, slice], torch.Tensor]
    ) -> torch.Tensor:
        """Accumulate a batch's gradients and return its mean loss, without a synchronisation.

        A CPU computes the same sum in chunks of the batch. A network with batch norm gets the
        batch as a whole.

        Args:
            inputs: (B, 3, S, S), normalised.
            loss: (logits of some rows, slice of these rows) -> their mean loss, a scalar.

        Returns:
            A scalar tensor on the device.
        """
        whole = self.device.type != "cpu" or has_batch_norm(self.model)
        count = len(inputs)
        chunk = count if whole else self._chunk_of(inputs)
        total = torch.zeros((), device=self.device)
        for start in range(0, count, chunk):
            rows = slice(start, min(start + chunk, count))
            share = loss(self.logits(inputs[rows]), rows) * ((rows.stop - rows.start) / count)
            with matmul_precision(self.precision):
                share.backward()
            total += share.detach()
        return total

    @torch.no_grad()
    def logits_of(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits (B, n), float32, in evaluation mode and without gradients.

        Args:
            inputs: (B, 3, S, S), normalised.
        """
        with evaluating(self.model):
            return torch.cat([self.logits(part) for part in inputs.split(self._chunk_of(inputs))])

    @torch.no_grad()
    def classify(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits of images that are not normalised yet, (M, n), float32.

        Args:
            images: (M, 3, S, S), uint8, on any device.
        """
        with evaluating(self.model):
            parts = (send(part, self.device) for part in images.split(self._chunk_of(images)))
            return torch.cat([self.logits(normalize(part.float() / 255)) for part in parts])

    def _chunk_of(self, images: torch.Tensor) -> int:
        if self.device.type != "cpu":
            return ACCELERATOR_CHUNK
        return max(1, CPU_CHUNK_PIXELS // images.shape[-2:].numel())


def has_batch_norm(model: nn.Module) -> bool:
    """Return whether a network has batch norm: then images of a training batch interact."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set a network to evaluation mode within the context, then restore its mode."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
