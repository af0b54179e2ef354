"""Reading and writing of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from mgd3_kedro.api.settings import Settings
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.images import LazyImages


def read_images(path: Path | str, settings: Settings) -> Iterator[tuple[ClassSpec, LazyImages]]:
    """Read the images of every class, resized to the image size of the settings.

    Args:
        path: A folder of class folders, an archive of such a folder, or parquet or Arrow files.
        settings: Settings with the class table, if there is one, and the image size.

    Yields:
        Class and images (N, 3, S, S), uint8, which are decoded on access.

    Raises:
        DatasetError: If there are no such images, or some files are not images.
    """
    from mgd3_kedro.datasets.benchmark import BenchmarkDataset
    from mgd3_kedro.datasets.labelled_images import LabelledImagesDataset

    known, size, source = settings.parameters, settings.image_size, str(Path(path).absolute())
    table = str(settings.project / known["classes"]) if known["classes"] else None
    benchmark = BenchmarkDataset(
        filepath=table, name=known["benchmark"], image_size=size, source=source
    ).load()
    with TemporaryDirectory() as index:
        images = LabelledImagesDataset(
            source=source,
            index=index,
            image_size=size,
            classes=table,
            bad_images=known["bad_images"],
            leaks="off",
        ).load()
        for spec in benchmark.classes:
            yield spec, images[spec.wnid].load()


def save_images(images: torch.Tensor, folder: Path | str) -> None:
    """Write images (N, 3, H, W), uint8, as 0.png, 1.png, ... to a new folder.

    Raises:
        FileExistsError: If the folder exists.
    """
    from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset

    path = Path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    ImagePartitionsDataset.write(path, images)
