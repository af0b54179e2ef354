"""One picture, previewed by Kedro-Viz."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, NewType

from kedro.io import AbstractDataset
from PIL import Image

from mgd3_kedro.durable import replacing_file

ImagePreview = NewType("ImagePreview", str)


class PictureDataset(AbstractDataset[Image.Image, Image.Image]):
    """A PNG file that Kedro-Viz shows beside its node.

    Args:
        filepath: The file.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Image.Image:
        """Read the picture."""
        with Image.open(self._path) as picture:
            return picture.copy()

    def save(self, data: Image.Image) -> None:
        """Write the picture atomically.

        Raises:
            OSError: If the file cannot be written; the message names it.
        """
        picture = io.BytesIO()
        data.save(picture, format="PNG")
        with replacing_file(self._path) as file:
            file.write(picture.getbuffer())

    def preview(self) -> ImagePreview:
        """Return the picture as base64, the form Kedro-Viz shows."""
        return ImagePreview(base64.b64encode(self._path.read_bytes()).decode())

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
