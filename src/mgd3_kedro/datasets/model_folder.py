"""Model weights in diffusers' folder format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.datasets.fingerprint import file_digest
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.stages import Partition


class ModelFolderDataset(AbstractDataset[Mapping[str, Any], Partition]):
    """A folder of weights, loaded as a handle: whoever samples loads the model once per process.

    Args:
        filepath: The folder.
        made_by: The command that makes the weights, named when they are missing.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(
        self, *, filepath: str, made_by: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._folder = Path(filepath)
        self._made_by = made_by
        self.metadata = metadata

    def load(self) -> Partition:
        """Return what gives the folder and the identity of its weights.

        Raises:
            DatasetError: If there are no weights.
        """
        weights = sorted(self._folder.rglob("*.safetensors"))
        missing = self._models_without_weights()
        if missing or not weights:
            raise DatasetError(
                f"expected model weights in {self._folder.joinpath(*missing[:1])}, found none; "
                f"make them with: {self._made_by}"
            )
        configs = sorted(self._folder.rglob("*.json"))
        fingerprint = file_digest([*weights, *configs])
        return Partition(partial(ModelFolder, self._folder, fingerprint), fingerprint)

    def save(self, data: Mapping[str, Any]) -> None:
        """Write a pipeline and files, then put the folder in place at once.

        Args:
            data: Name -> content of a file, or a diffusers pipeline under any name.

        Raises:
            DatasetError: If the folder cannot be written.
        """
        from safetensors import SafetensorError

        fresh = self._folder.with_name(f"{self._folder.name}.partial")
        old = self._folder.with_name(f"{self._folder.name}.old")
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            for name, content in data.items():
                if isinstance(content, str):
                    (fresh / name).write_text(content)
                elif isinstance(content, bytes):
                    (fresh / name).write_bytes(content)
                else:
                    content.save_pretrained(fresh, safe_serialization=True)
            # The old weights are never gone before the new ones are complete.
            if self._folder.exists():
                shutil.rmtree(old, ignore_errors=True)
                self._folder.replace(old)
            fresh.replace(self._folder)
            shutil.rmtree(old, ignore_errors=True)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise DatasetError(f"{self._folder} could not be written: {error}") from error

    def _models_without_weights(self) -> list[str]:
        """Name the parts of the pipeline that are missing, or are a model without its weights."""
        index = self._folder / "model_index.json"
        parts = json.loads(index.read_text()) if index.is_file() else {}
        # A part is [library, class]; both are null where a pipeline does without it.
        named = [name for name, made in parts.items() if isinstance(made, list) and made[0]]
        return [
            name
            for name in named
            if not (folder := self._folder / name).is_dir()
            or ((folder / "config.json").is_file() and not any(folder.glob("*.safetensors")))
        ]

    def _exists(self) -> bool:
        return any(self._folder.rglob("*.safetensors"))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
