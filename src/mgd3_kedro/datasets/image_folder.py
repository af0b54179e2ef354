"""Images, one folder per class, as every image-folder loader reads them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset
from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.fingerprint import file_digest
from mgd3_kedro.stages import GIVEN, Partition

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder, 2.png before 10.png.

    Source: ours.
    """

    def order(path: Path) -> tuple[int, str]:
        return (int(path.stem) if path.stem.isdecimal() else -1, path.name)

    files = (path for path in _visible(folder) if path.suffix.lower() in SUFFIXES)
    return sorted(files, key=order)


def read_images(folder: Path) -> Any:
    """Read the images of a folder as one tensor, (N, 3, H, W), uint8.

    Raises:
        ValueError: Naming the image that cannot be read or is of another size than the first.

    Source: ours.
    """
    import numpy as np
    import torch
    from PIL import Image

    pixels = []
    for path in image_files(folder):
        try:
            with Image.open(path) as image:
                pixels.append(np.asarray(image.convert("RGB")))
        except (OSError, ValueError, SyntaxError) as error:
            raise ValueError(f"{path}: not a readable image ({error})") from error
        if pixels[-1].shape != pixels[0].shape:
            raise ValueError(
                f"{path}: expected {pixels[0].shape[:2]} pixels as the other images of the class, "
                f"got {pixels[-1].shape[:2]}"
            )
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


class ImagePartitionsDataset(ClassPartitionsDataset):
    """wnid -> uint8 tensor (N, 3, H, W), kept as `{wnid}/{i}.png`."""

    @staticmethod
    def write(path: Path, value: Any) -> None:
        """Write a tensor of images."""
        from PIL import Image

        path.mkdir()
        for number, pixels in enumerate(value.permute(0, 2, 3, 1).numpy()):
            Image.fromarray(pixels).save(path / f"{number}.png")

    @staticmethod
    def read(path: Path) -> Any:
        """Read a tensor of images."""
        return read_images(path)


class ImageFolderDataset(ReadOnlyDataset[dict[str, Partition]]):
    """A folder of images that someone else made, one folder per class; read only.

    Args:
        filepath: The folder of class folders.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Partition]:
        """Return folder name -> partition, in sorted order.

        Raises:
            DatasetError: If there is no such folder, or no class folder in it.
        """
        if not self._folder.is_dir():
            raise DatasetError(f"expected a folder of class folders, found none at {self._folder}")
        folders = sorted(path for path in _visible(self._folder) if path.is_dir())
        if not folders:
            raise DatasetError(f"expected one folder per class in {self._folder}, found none")
        return {folder.name: _partition(folder) for folder in folders}

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}


def _visible(folder: Path) -> Iterator[Path]:
    """Leave out what file managers and notebooks hide among images."""
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _partition(folder: Path) -> Partition:
    files = image_files(folder)
    content = file_digest(sorted(files))
    load = partial(read_images, folder)
    if (kept := _record(folder)) and kept.get("content") == content:
        rows, configuration = tuple(kept["rows"]), kept.get("configuration", "")
        return Partition(load, content, count=len(files), rows=rows, configuration=configuration)
    return Partition(load, content, count=len(files), configuration=GIVEN)


def _record(folder: Path) -> dict[str, Any] | None:
    """Return what `ImagePartitionsDataset` wrote down, if it did."""
    try:
        return Manifest(folder.parent).read_record(folder.name)
    except FileNotFoundError:
        return None
