"""Compilation of networks without a recompilation for a smaller last batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mgd3_kedro.evaluation.passes import has_batch_norm
from mgd3_kedro.rows import SteadyRows, pad_batch


class CompiledNetwork(nn.Module):
    """A compiled network that pads small batches to the size of the largest batch so far.

    The outputs of the added rows are dropped, so these rows have no gradient. During training, a
    network with batch norm gets no added rows, because they would change the batch statistics.
    Such a network is compiled a second time, for the smaller last batch of an epoch.

    Args:
        network: Maps images (B, 3, S, S) to logits (B, n); its weights are shared.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._compiled: Any = torch.compile(network)
        self._depends = has_batch_norm(network)
        self._steady = SteadyRows()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (B, n) of images (B, 3, S, S)."""
        if self.training and self._depends:
            alone: torch.Tensor = self._compiled(images)
            return alone
        with self._steady.size(len(images), self.training) as size:
            logits: torch.Tensor = self._compiled(pad_batch(images, size))
        return logits[: len(images)]
