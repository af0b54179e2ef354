"""Batches as large as memory allows."""

from __future__ import annotations

import logging
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

import torch

from mgd3_kedro.devices import is_out_of_memory

logger = logging.getLogger(__name__)

FULL, MOST_BATCHES = 0.95, 4
"""How full the batches of some classes are to be, on average, and how many they may fill."""


def classes_at_once(ipc: int, max_batch: int, *, parted: bool = True) -> int:
    """Return how many classes to take at once, so that they fill whole batches.

    Args:
        ipc: Samples of a class.
        max_batch: Samples at once.
        parted: Whether samples of a class may be in two batches.

    Returns:
        The least number that fills batches to `FULL`, if so few batches do; else that which fills
        them best.
    """
    if not parted:
        return max(1, max_batch // ipc)
    most = max(1, MOST_BATCHES * max_batch // ipc)

    def filled(classes: int) -> float:
        return classes * ipc / (math.ceil(classes * ipc / max_batch) * max_batch)

    numbers = range(1, most + 1)
    return next((one for one in numbers if filled(one) >= FULL), max(numbers, key=filled))


class Batches:
    """Cuts work into batches, and halves them for good when the device runs out of memory.

    Args:
        max_batch: Samples at once.
    """

    def __init__(self, max_batch: int) -> None:
        self.max_batch = max_batch

    def run(
        self,
        function: Callable[[slice], torch.Tensor],
        total: int,
        together: Sequence[int] = (),
    ) -> torch.Tensor:
        """Return the results of all samples, (total, ...).

        Args:
            function: Computes some of the samples, the same whoever else they are computed with; it
                is called again for samples that did not fit.
            total: Number of samples.
            together: Of all samples, how many in a row are never parted, as they depend on each
                other; empty where none do.

        Raises:
            RuntimeError: If the least number of samples does not fit.
            ValueError: If fewer samples at once are allowed than belong together.
        """
        ends, most = [*accumulate(together)] or range(1, total + 1), max(together, default=1)
        if self.max_batch < most:
            raise ValueError(
                f"max_batch: expected at least the {most} samples that depend on each other, "
                f"got {self.max_batch}"
            )
        done: list[torch.Tensor] = []
        start = 0
        while start < total:
            part = slice(start, ends[bisect_right(ends, start + self.max_batch) - 1])
            try:
                done.append(function(part))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self.max_batch < 2 * most:
                    raise
                self._halve()
            else:
                start = part.stop
            # Outside of the handler: the error holds what the failed batch had in memory.
        return torch.cat(done)

    def _halve(self) -> None:
        smaller = self.max_batch // 2
        logger.warning(
            "out of memory with %d samples at once: going on with %d, to the same images; "
            "set max_batch to %d to start with that",
            *(self.max_batch, smaller, smaller),
        )
        self.max_batch = smaller
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
