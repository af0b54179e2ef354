"""Images of a class, decoded by threads ahead of who asks for them."""

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
"""See `source_code`."""

AT_ONCE = 4
"""Images that a thread decodes in one go."""
SLICES_AHEAD = 2
MOST = 16
"""Threads where there are as many cores: one more would wait for the disk, or for its turn."""


def threads_of(workers: int) -> int:
    """Return how many threads decode; -1 is one per core, at most `MOST`."""
    return min(cpu_count(), MOST) if workers < 0 else workers


def decode_ahead(
    images: torch.Tensor | LazyImages, size: int, workers: int
) -> Iterator[torch.Tensor]:
    """Give all images of a class in slices, in order; the next ones are decoded meanwhile.

    Threads do that: reading, decoding and resizing a file leaves Python's lock to others, and a
    thread starts at once, where a process for each class takes longer than a small class itself.

    Args:
        images: (N, 3, S, S), uint8; those in memory are only divided.
        size: Images of a slice; the last may be shorter.
        workers: Threads; 0: slices are decoded when they are asked for.
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
        # Also where a file cannot be read, or nobody asks for more.
        pool.shutdown(cancel_futures=True)


def _together(waiting: deque[list[Future[torch.Tensor]]]) -> torch.Tensor:
    return torch.cat([part.result() for part in waiting.popleft()])


class _Decoders:
    """A decoder for each thread: a file that is open has one position."""

    def __init__(self, decode: Decode) -> None:
        self._pickled = pickle.dumps(decode)
        self._own = threading.local()

    def __call__(self, numbers: list[int]) -> torch.Tensor:
        if not hasattr(self._own, "decode"):
            self._own.decode = pickle.loads(self._pickled)
        images: torch.Tensor = self._own.decode(numbers)
        return images
