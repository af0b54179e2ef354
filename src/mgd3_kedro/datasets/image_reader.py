"""Images of a source, decoded by their numbers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mgd3_kedro.datasets.decoding import decode_image
from mgd3_kedro.datasets.sources.base import MAX_BYTES, Entry, Reader, Source

if TYPE_CHECKING:
    import torch


class ImageReader:
    """Decodes images of a class by their numbers; keeps its source open between calls.

    Args:
        source: Where they are.
        known: The entry and the digest of each.
        image_size: Side to decode them to.
        resize: Side that the short one is brought to at once, as for networks; None: the square
            that diffusion models are shown.
    """

    def __init__(
        self,
        source: Source,
        known: Sequence[tuple[Entry, str]],
        image_size: int,
        resize: int | None = None,
    ) -> None:
        self._source = source
        self._known = known
        self._image_size = image_size
        self._resize = resize
        self._opened: tuple[int, Reader] | None = None

    def __call__(self, numbers: Sequence[int]) -> torch.Tensor:
        """Return images, (n, 3, S, S), uint8, in the order asked for.

        Raises:
            ValueError: Naming the file that is no longer what was indexed.
        """
        import torch

        size = self._image_size
        images = torch.empty(len(numbers), 3, size, size, dtype=torch.uint8)
        reader = self._reader()
        in_order = sorted(range(len(numbers)), key=lambda i: self._known[numbers[i]][0].place)
        for position in in_order:
            entry, indexed = self._known[numbers[position]]
            name = self._source.where(entry.name)
            data = read_bytes(reader, entry, name)
            if hashlib.sha256(data).hexdigest() != indexed:
                raise ValueError(f"{name}: changed since it was indexed; run again")
            pixels = decode_image(data, name, size, self._resize)
            images[position] = torch.from_numpy(pixels).permute(2, 0, 1)
        return images

    def resized_once(self, resize: int, image_size: int) -> ImageReader:
        """Return what decodes the same images with one resize, as networks are shown them."""
        return ImageReader(self._source, self._known, image_size, resize)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    def __del__(self) -> None:
        if self._opened and self._opened[0] == os.getpid():
            self._opened[1].close()

    def _reader(self) -> Reader:
        # A forked process shares the position in an opened file with its parent.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), self._source.open()
        return self._opened[1]


def read_bytes(reader: Reader, entry: Entry, name: str) -> bytes:
    """Return a file.

    Raises:
        ValueError: Naming the file.
    """
    if entry.problem:
        raise ValueError(f"{name}: {entry.problem}")
    if entry.size > MAX_BYTES:
        raise ValueError(f"{name}: {entry.size} bytes, more than any image")
    try:
        return reader.read(entry)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
