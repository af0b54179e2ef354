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
"""Least share of the batches that a group of classes must fill, and most batches for a group."""


def classes_at_once(ipc: int, max_batch: int, *, parted: bool = True) -> int:
    """Return how many classes to process at once, so that their samples fill whole batches.

    Args:
        ipc: Samples per class.
        max_batch: Most samples per batch.
        parted: Whether the samples of one class may be split over two batches.

    Returns:
        The smallest number of classes that fills its batches to `FULL`. If none does within
        `MOST_BATCHES` batches, the number that fills them best. If classes may not be split, as
        many as fit in one batch, at least 1.
    """
    if not parted:
        return max(1, max_batch // ipc)
    most = max(1, MOST_BATCHES * max_batch // ipc)

    def filled(classes: int) -> float:
        return classes * ipc / (math.ceil(classes * ipc / max_batch) * max_batch)

    numbers = range(1, most + 1)
    return next((one for one in numbers if filled(one) >= FULL), max(numbers, key=filled))


class Batches:
    """Batch runner that halves its batch size, for good, when the device runs out of memory.

    Args:
        max_batch: Most samples per batch, to start with.
    """

    def __init__(self, max_batch: int) -> None:
        self.max_batch = max_batch

    def run(
        self,
        function: Callable[[slice], torch.Tensor],
        total: int,
        together: Sequence[int] = (),
    ) -> torch.Tensor:
        """Run a function on all samples, batch by batch, and return the results, (total, ...).

        Args:
            function: Computes the results of a slice of the samples. The result of a sample must
                not depend on the slice that it is in. The function is called again, with fewer
                samples, if a batch does not fit in memory.
            total: Number of samples.
            together: Sizes of groups of consecutive samples, in order, that depend on each other
                and must be in one batch; empty if no samples depend on each other.

        Raises:
            RuntimeError: If the smallest possible batch does not fit in memory.
            ValueError: If `max_batch` is smaller than the largest group.
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
            # The retry is outside of the handler: the error keeps the failed batch in memory.
        return torch.cat(done)

    def _halve(self) -> None:
        smaller = self.max_batch // 2
        logger.warning(
            "out of memory with %d samples at once: going on with %d, to the same images; "
            "set diffusion.max_batch to %d to start with that",
            *(self.max_batch, smaller, smaller),
        )
        self.max_batch = smaller
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
