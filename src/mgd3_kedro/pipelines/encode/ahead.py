"""Prefetching: threads decode the images of a class before they are needed."""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from joblib import cpu_count

from mgd3_kedro.images import Decode, LazyImages, chunks_of

CHANGES_NO_RESULT = True
"""Marks a module that cannot change results, see `source_code`."""

AT_ONCE = 4
"""Images that a thread decodes per call."""
SLICES_AHEAD = 2
MOST = 16
"""Largest number of threads; more threads would only wait for the disk or for Python's lock."""


def threads_of(workers: int) -> int:
    """Return the number of decoding threads; -1 means one per core, at most `MOST`."""
    return min(cpu_count(), MOST) if workers < 0 else workers


def decode_ahead(
    images: torch.Tensor | LazyImages, size: int, workers: int
) -> Iterator[torch.Tensor]:
    """Yield the images of a class in slices, in order; threads decode the next slices meanwhile.

    Threads are enough, because reading, decoding and resizing a file releases Python's lock. A
    thread also starts at once, but the start of a process takes longer than a small class.

    Args:
        images: (N, 3, S, S), uint8; images in memory are only split.
        size: Images per slice; the last slice may be smaller.
        workers: Number of threads, -1 for one per core; 0: the caller's thread decodes.

    Yields:
        (B, 3, S, S), uint8.
    """
    threads = threads_of(workers)
    if not isinstance(images, LazyImages) or not threads:
        yield from chunks_of(images, size)
        return
    decoders = _Decoders(images.decode)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decoding")
    try:
        waiting: deque[list[Future[torch.Tensor]]] = deque()
        for first in range(0, len(images), size):
            numbers = range(first, min(first + size, len(images)))
            parts = (numbers[start : start + AT_ONCE] for start in range(0, len(numbers), AT_ONCE))
            waiting.append([pool.submit(decoders, list(part)) for part in parts])
            if sum(map(len, waiting)) > SLICES_AHEAD * max(threads, len(waiting[0])):
                yield _together(waiting)
        while waiting:
            yield _together(waiting)
    finally:
        # Also if a file cannot be read, or the caller stops early.
        pool.shutdown(cancel_futures=True)


def _together(waiting: deque[list[Future[torch.Tensor]]]) -> torch.Tensor:
    return torch.cat([part.result() for part in waiting.popleft()])


class _Decoders:
    """One decoder per thread: threads must not share the position in an open file."""

    def __init__(self, decode: Decode) -> None:
        self._pickled = pickle.dumps(decode)
        self._own = threading.local()

    def __call__(self, numbers: list[int]) -> torch.Tensor:
        if not hasattr(self._own, "decode"):
            self._own.decode = pickle.loads(self._pickled)
        images: torch.Tensor = self._own.decode(numbers)
        return images
