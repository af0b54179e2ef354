"""Batches as large as memory allows."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from mgd3_kedro.devices import is_out_of_memory

logger = logging.getLogger(__name__)


class Batches:
    """Cuts work into batches, and halves them for good when the device runs out of memory.

    Args:
        max_batch: Samples at once.
    """

    def __init__(self, max_batch: int) -> None:
        self.max_batch = max_batch

    def run(self, function: Callable[[slice], torch.Tensor], total: int) -> torch.Tensor:
        """Return the results of all samples, (total, ...).

        Args:
            function: Computes some of the samples, the same whoever they are computed with; it is
                called again for samples that did not fit.
            total: Number of samples.

        Raises:
            RuntimeError: If a single sample does not fit.

        Source: ours.
        """
        done: list[torch.Tensor] = []
        start = 0
        while start < total:
            part = slice(start, min(start + self.max_batch, total))
            try:
                done.append(function(part))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self.max_batch == 1:
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
