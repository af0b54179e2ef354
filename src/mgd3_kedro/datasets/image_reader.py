"""Decoding of the images of a class by their numbers."""

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
        source: Source of the images.
        known: Entry and SHA-256 digest of each image.
        image_size: Side S of the decoded images in pixels.
        resize: Length in pixels to which the short side is resized in one step, as for classifiers;
            None for the crop that diffusion models are trained on.
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
        """Return the images with these numbers, (n, 3, S, S), uint8, in the given order.

        Raises:
            ValueError: If a file cannot be read or has changed since it was indexed; the message
                names it.
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
        """Return a reader of the same images with a single resize, as for classifiers."""
        return ImageReader(self._source, self._known, image_size, resize)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    def __del__(self) -> None:
        if self._opened and self._opened[0] == os.getpid():
            self._opened[1].close()

    def _reader(self) -> Reader:
        # A forked process shares the position in an open file with its parent, so it needs its own.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), self._source.open()
        return self._opened[1]


def read_bytes(reader: Reader, entry: Entry, name: str) -> bytes:
    """Return the content of a file.

    Raises:
        ValueError: If the file has a known problem, is too large or is damaged; the message names
            it.
    """
    if entry.problem:
        raise ValueError(f"{name}: {entry.problem}")
    if entry.size > MAX_BYTES:
        raise ValueError(f"{name}: {entry.size} bytes, more than any image")
    try:
        return reader.read(entry)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
