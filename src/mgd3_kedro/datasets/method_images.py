"""The distilled images of all runs with the same number of images, read side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mgd3_kedro.datasets.image_folder import ImageFolderDataset
from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.stages import Partition

Images = dict[str, Partition]


class MethodImagesDataset(ReadOnlyDataset[dict[str, Callable[[], Images]]]):
    """method -> loads wnid -> images (ipc, 3, H, W), uint8, of `{method}/{images}`; read only.

    Args:
        path: Where the folders of methods are.
        images: Where a method's images are below its folder.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(self, *, path: str, images: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self._images = images
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], Images]]:
        """Return every folder of a method that has images, sorted -> reads them."""
        folders = sorted(self._path.iterdir()) if self._path.is_dir() else []
        return {
            folder.name: ImageFolderDataset(filepath=str(folder / self._images)).load
            for folder in folders
            if (folder / self._images).is_dir()
        }

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path / "*" / self._images)}
