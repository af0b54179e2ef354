"""Networks that are compiled once, whatever the size of the last batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mgd3_kedro.evaluation.passes import has_batch_norm
from mgd3_kedro.rows import SteadyRows, pad_batch


class CompiledNetwork(nn.Module):
    """A compiled network; a batch that is smaller than another before is given as many rows.

    What comes of rows that were added is dropped, so that they have no gradient. While a network
    with batch norm is trained, its images depend on each other and none is added: such a network
    is compiled once more, for the last batch of an epoch.

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
