"""Padding of batches to a number of rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import torch


def pad_batch(batch: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row of a batch (B, ...) until its size is a multiple of `multiple`.

    Matrix kernels compute the rows left over from their tiles with other instructions, which
    changes the last bits of those rows. After padding, a sample does not depend on its batch.
    """
    missing = -len(batch) % multiple
    return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing else batch


class SteadyRows:
    """Number of rows that batches of a compiled network are padded to: the largest so far.

    Another number of rows would compile the network again, which takes longer than extra rows.
    """

    def __init__(self) -> None:
        self._most: dict[Hashable, int] = {}

    @contextmanager
    def size(self, rows: int, kind: Hashable = None) -> Iterator[int]:
        """Give the number of rows to pad a batch to, for the call within the block.

        If the call fails, for example out of memory, the largest number so far is forgotten.

        Args:
            rows: Number of rows of the batch.
            kind: Kind of call; each kind has its own largest number.
        """
        size = max(rows, self._most.pop(kind, 0))
        yield size
        self._most[kind] = size
