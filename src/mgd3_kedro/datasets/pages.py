"""Text pages of the project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

Pages = dict[str, str]


class PagesDataset(AbstractDataset[Pages, Pages]):
    """Text files of a project; saving writes only the files whose text has changed.

    Args:
        files: File names below the folder, with wildcards.
        root: Folder of the project.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(
        self, *, files: Sequence[str], root: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._files = tuple(files)
        self._root = Path(root)
        self.metadata = metadata

    def load(self) -> Pages:
        """Return path below the folder -> text, with line endings unchanged."""
        return {
            path.relative_to(self._root).as_posix(): path.read_bytes().decode()
            for pattern in self._files
            for path in sorted(self._root.glob(pattern))
        }

    def save(self, data: Pages) -> None:
        """Write the texts that differ from their files."""
        before = self.load()
        for name, text in data.items():
            if text != before.get(name):
                (self._root / name).write_bytes(text.encode())

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": ", ".join(str(self._root / name) for name in self._files)}
