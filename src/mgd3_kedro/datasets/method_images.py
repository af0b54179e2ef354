"""Distilled images of all methods, for comparing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mgd3_kedro.datasets.given_images import MADE_BY, GivenImagesDataset
from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.stages import Partition

Images = dict[str, Partition]


class MethodImagesDataset(ReadOnlyDataset[dict[str, Callable[[], Images]]]):
    """method -> function that loads wnid -> images (ipc, 3, H, W), uint8; read only.

    Args:
        entry: Catalog entry in which a run of one method keeps its images.
        root: Folder of the project.
        store: Fields of the `Store` from which images are fetched; None for no store.
        metadata: Ignored by Kedro; read by plugins.
    """

    seed: str | None = None

    def __init__(
        self,
        *,
        entry: str,
        root: str,
        store: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.entry = entry
        self.places: Callable[[], Mapping[str, str]] = dict
        """Function that returns method -> folder of its images, relative to the project; set by a
        Kedro hook."""
        self._root = Path(root)
        self._store = store
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], Images]]:
        """Return method -> function that loads its images, for the methods that have images."""
        folders = {name: str(self._root / folder) for name, folder in self.places().items()}
        found = {
            name: GivenImagesDataset(filepath=folder, made_by=MADE_BY, store=self._store)
            for name, folder in folders.items()
        }
        return {name: images.load for name, images in found.items() if images.exists()}

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"entry": self.entry}
