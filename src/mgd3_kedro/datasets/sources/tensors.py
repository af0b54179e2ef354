"""Images as tensors in safetensors files, as distilled images are often published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mgd3_kedro.datasets.sources.base import Entry, is_hidden, printable, stamp_of

if TYPE_CHECKING:
    import torch

SUFFIX = ".safetensors"
IMAGES, LABELS = "images", "labels"
KINDS = ("U8", "F16", "BF16", "F32", "F64")
"""Types of numbers that images may have: integers from 0 to 255, or fractions from 0 to 1."""
LABEL_KINDS = ("I64", "I32", "I16", "U8")
LARGEST_NORMALISED = 10
"""Values of images normalised to mean 0 and deviation 1 stay below it; those of images from 0 to
255 do not."""


@dataclass(frozen=True)
class TensorSource:
    """Files of images as tensors, (N, 3, H, W) or (N, 1, H, W).

    A file has `images` and their `labels`, (N,), or one tensor per class, named after the class. In
    a folder of files, `images` without `labels` belong to the class that the file is named after.

    Args:
        path: The file, or the folder of the files.
        files: The files, in order.
    """

    named_by_folders: ClassVar = False

    path: Path
    files: tuple[Path, ...]

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return class name or label -> function that lists its images, in file order."""
        places: dict[str, list[tuple[int, str, int]]] = {}
        for number, file in enumerate(self.files):
            for name, key, row in self._rows(file):
                places.setdefault(name, []).append((number, key, row))
        return {name: partial(self._entries, places[name]) for name in sorted(places)}

    def open(self) -> TensorReader:
        """Return a reader of the images."""
        return TensorReader(self.files)

    def where(self, name: str) -> str:
        """Return the location of an entry for messages: file::image."""
        return printable(str(self.files[0].parent / name))

    def _entries(self, places: Sequence[tuple[int, str, int]]) -> list[Entry]:
        stamps = [stamp_of(file) for file in self.files]
        return [
            Entry(f"{self.files[file].name}::{key}/{row}", 0, (file, key, row), stamps[file])
            for file, key, row in places
        ]

    def _rows(self, file: Path) -> list[tuple[str, str, int]]:
        """Return class, tensor name and row of every image of a file."""
        tensors = _open(file)
        keys = sorted(tensors.keys())
        if IMAGES not in keys:
            return [(key, key, row) for key in keys for row in range(_count(tensors, file, key))]
        count = _count(tensors, file, IMAGES)
        if LABELS in keys:
            names = _labels(tensors, file, count)
        elif self.path != file:
            names = [file.stem] * count
        else:
            raise ValueError(f"{file}: expected {LABELS}, one of every image, got {keys}")
        return [(name, IMAGES, row) for row, name in enumerate(names)]


class TensorReader:
    """Reads each image as if it were a PGM or PPM file.

    Args:
        files: The files.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._opened: dict[int, Any] = {}

    def read(self, entry: Entry) -> bytes:
        """Return an image as the content of a PGM (grey) or PPM (RGB) file.

        Raises:
            ValueError: If a file is damaged, or values are not in the expected range.
        """
        file, key, row = int(entry.place[0]), str(entry.place[1]), int(entry.place[2])
        if file not in self._opened:
            self._opened = {file: _open(self._files[file])}
        pixels = _as_grey_values(self._opened[file].get_slice(key)[row])
        channels, height, width = pixels.shape
        kind = b"P6" if channels == 3 else b"P5"
        content: bytes = pixels.permute(1, 2, 0).contiguous().numpy().tobytes()
        return b"%s %d %d 255\n" % (kind, width, height) + content

    def close(self) -> None:
        """Close files."""
        self._opened = {}


def find_tensors(path: Path, label: str | None = None) -> TensorSource | None:
    """Return the source if a path is a safetensors file, or a folder of them without subfolders."""
    if path.is_file():
        return TensorSource(path, (path,)) if path.suffix.lower() == SUFFIX else None
    if not path.is_dir():
        return None
    seen = [entry for entry in sorted(path.iterdir()) if not is_hidden(entry.name)]
    files = tuple(entry for entry in seen if entry.suffix.lower() == SUFFIX)
    alone = files and not any(entry.is_dir() for entry in seen)
    return TensorSource(path, files) if alone else None


def _open(file: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(file, framework="pt")
    except SafetensorError as error:
        raise ValueError(f"{file}: not a readable safetensors file ({error})") from error


def _count(tensors: Any, file: Path, key: str) -> int:
    """Return the number of images in a tensor."""
    found = tensors.get_slice(key)
    shape, kind = found.get_shape(), found.get_dtype()
    if len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape or kind not in KINDS:
        raise ValueError(
            f"{file}: expected {key} as images (N, 3, H, W), uint8 or fractions from 0 to 1, got "
            f"{kind} {tuple(shape)}"
        )
    return int(shape[0])


def _labels(tensors: Any, file: Path, count: int) -> list[str]:
    found = tensors.get_slice(LABELS)
    shape, kind = found.get_shape(), found.get_dtype()
    if shape != [count] or kind not in LABEL_KINDS:
        raise ValueError(
            f"{file}: expected {LABELS} ({count},), int64, numbers of classes in the order of the "
            f"class table, got {kind} {tuple(shape)}"
        )
    return [str(label) for label in found[:].tolist()]


def _as_grey_values(pixels: torch.Tensor) -> torch.Tensor:
    """Return an image as uint8.

    Raises:
        ValueError: If its fractions are not finite, or not from 0 to 1 apart from rounding errors.
    """
    import torch

    if pixels.dtype == torch.uint8:
        return pixels
    if not torch.isfinite(pixels).all():
        raise ValueError("expected uint8, or fractions from 0 to 1, got NaN or infinity")
    values = (pixels.double() * 255).round()
    if values.min() < 0 or values.max() > 255:
        least, most = pixels.min().item(), pixels.max().item()
        undo = (
            "divide by 255"
            if least >= 0 and most > LARGEST_NORMALISED
            else "undo what was done to bring images to mean 0 and deviation 1"
        )
        raise ValueError(
            f"expected uint8, or fractions from 0 to 1, got {least:.6g} to {most:.6g}; {undo}"
        )
    return values.to(torch.uint8)
