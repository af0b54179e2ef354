"""Rows that are there to give a batch its size."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import torch


def pad_batch(batch: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row until the batch size is a multiple.

    Matrix kernels treat the rows left over from their tile with other instructions, which changes
    the last bits of those rows; without leftovers a sample does not depend on its batch.
    """
    missing = -len(batch) % multiple
    return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing else batch


class SteadyRows:
    """How many rows a compiled network is given: those of its largest batch so far.

    Another number of rows would have it compiled again, which takes longer than many rows do.
    """

    def __init__(self) -> None:
        self._most: dict[Hashable, int] = {}

    @contextmanager
    def size(self, rows: int, kind: Hashable = None) -> Iterator[int]:
        """Give the number of rows that a batch is to be padded to, for the call within.

        A call that fails, as where memory runs out, is no reason to give as many rows again.

        Args:
            rows: Of the batch.
            kind: Of the call; each has a number of its own.
        """
        size = max(rows, self._most.pop(kind, 0))
        yield size
        self._most[kind] = size
