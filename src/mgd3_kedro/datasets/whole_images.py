"""Images of a class at their own size, as one tensor."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.datasets.decoding import decode_whole
from mgd3_kedro.datasets.image_reader import read_bytes
from mgd3_kedro.datasets.sources import Entry, Source

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class WholeImages:
    """Images of a class, decoded at their own size.

    Args:
        source: Source of the images.
        entries: Entries of the images, in the order of the result.
    """

    source: Source
    entries: tuple[Entry, ...]

    def load(self) -> torch.Tensor:
        """Return the images, (N, 3, H, W), uint8.

        Raises:
            ValueError: If an image cannot be read or is not of the size of the first; the message
                names it.
        """
        import torch

        found: dict[int, torch.Tensor] = {}
        for number, name, data in self._files():
            found[number] = torch.from_numpy(decode_whole(data, name)).permute(2, 0, 1)
        images = [found[number] for number in range(len(self.entries))]
        for entry, image in zip(self.entries, images, strict=True):
            if image.shape != images[0].shape:
                expected, got = ("{1} x {2}".format(*one.shape) for one in (images[0], image))
                raise ValueError(
                    f"{self.source.where(entry.name)}: expected {expected} pixels as the other "
                    f"images of the class, got {got}"
                )
        return torch.stack(images)

    def digests(self) -> list[str]:
        """Return the SHA-256 of every file.

        Raises:
            ValueError: If a file is damaged or is not a regular file; the message names it.
            OSError: If one cannot be read.
        """
        found = {number: hashlib.sha256(data).hexdigest() for number, _, data in self._files()}
        return [found[number] for number in range(len(self.entries))]

    def _files(self) -> Iterator[tuple[int, str, bytes]]:
        """Yield number, name and content of every file, in the fastest reading order."""
        reader = self.source.open()
        try:
            for number in sorted(range(len(self.entries)), key=lambda i: self.entries[i].place):
                name = self.source.where(self.entries[number].name)
                yield number, name, read_bytes(reader, self.entries[number], name)
        finally:
            reader.close()


def in_order(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return images in the order of the numbers in their names: 2.png before 10.png.

    Names without numbers come first; rows of tables keep their order.
    """

    def order(entry: Entry) -> tuple[str, list[tuple[bool, int, str]], str]:
        path = Path(entry.name)
        words = re.findall(r"\d+|\D+", path.stem)
        natural = [(word.isdecimal(), int(word) if word.isdecimal() else 0, word) for word in words]
        return str(path.parent), natural, path.name

    is_files = all("::" not in entry.name for entry in entries)
    return tuple(sorted(entries, key=order) if is_files else entries)


def content_digest(wnid: str, digests: Mapping[str, str]) -> str:
    """Return the digest of a class of images, equal for a folder and an archive of it.

    Args:
        wnid: Folder of the class.
        digests: Name of an image -> SHA-256 of its file.
    """
    total = hashlib.sha256()
    for name in sorted(digests):
        total.update(name.removeprefix(f"{wnid}/").encode() + bytes.fromhex(digests[name]))
    return total.hexdigest()
