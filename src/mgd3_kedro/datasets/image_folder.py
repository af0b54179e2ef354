"""Images in one folder per class, as image-folder loaders read them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset
from mgd3_kedro.datasets.sources.folder import FolderSource
from mgd3_kedro.datasets.whole_images import WholeImages, in_order

WRITING_AT_ONCE = 8


def read_images(folder: Path) -> Any:
    """Read the images of a folder as one tensor, (N, 3, H, W), uint8.

    Raises:
        ValueError: If an image cannot be read or is not of the size of the first; the message names
            it.
    """
    source = FolderSource(folder.parent)
    return WholeImages(source, in_order(source.entries(folder.name))).load()


class ImagePartitionsDataset(ClassPartitionsDataset):
    """wnid -> uint8 tensor (N, 3, H, W), kept as `{wnid}/{i}.png`."""

    @staticmethod
    def write(path: Path, value: Any) -> None:
        """Write a tensor of images, (N, 3, H, W), uint8."""
        from joblib import cpu_count
        from PIL import Image

        def save(number: int, pixels: Any) -> None:
            Image.fromarray(pixels).save(path / f"{number}.png")

        path.mkdir()
        # PNG compression releases Python's global interpreter lock, so threads run in parallel.
        with ThreadPoolExecutor(min(cpu_count(), WRITING_AT_ONCE)) as pool:
            for _ in pool.map(save, count(), value.permute(0, 2, 3, 1).numpy()):
                pass

    @staticmethod
    def read(path: Path) -> Any:
        """Read a tensor of images, (N, 3, H, W), uint8."""
        return read_images(path)
