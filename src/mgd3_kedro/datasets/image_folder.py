"""Images, one folder per class, as every image-folder loader reads them."""

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
        ValueError: Naming the image that cannot be read or is of another size than the first.
    """
    source = FolderSource(folder.parent)
    return WholeImages(source, in_order(source.entries(folder.name))).load()


class ImagePartitionsDataset(ClassPartitionsDataset):
    """wnid -> uint8 tensor (N, 3, H, W), kept as `{wnid}/{i}.png`."""

    @staticmethod
    def write(path: Path, value: Any) -> None:
        """Write a tensor of images."""
        from joblib import cpu_count
        from PIL import Image

        def save(number: int, pixels: Any) -> None:
            Image.fromarray(pixels).save(path / f"{number}.png")

        path.mkdir()
        # Compressing leaves Python's lock to others, so that threads share it.
        with ThreadPoolExecutor(min(cpu_count(), WRITING_AT_ONCE)) as pool:
            for _ in pool.map(save, count(), value.permute(0, 2, 3, 1).numpy()):
                pass

    @staticmethod
    def read(path: Path) -> Any:
        """Read a tensor of images."""
        return read_images(path)
