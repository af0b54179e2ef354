"""Model weights in diffusers' folder format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.datasets.hub import AUTOENCODER_FILES, FILES, UNUSED, find_model
from mgd3_kedro.durable import read_json, replacing_folder
from mgd3_kedro.fingerprint import digest, file_digest
from mgd3_kedro.priors import NOTES
from mgd3_kedro.records import PICKLES, ModelFolder
from mgd3_kedro.stages import Partition

CONFIGURATIONS = ("config.json", "model_index.json")
"""Endings of the names of JSON files that must contain an object."""
OF_A_CLASS = ("model_index.json", "scheduler_config.json")
"""JSON files that must name their class; diffusers has defaults for everything else in them."""


class ModelFolderDataset(AbstractDataset[Mapping[str, Any], Partition]):
    """A folder of weights, loaded as a handle; a process that samples loads the model only once.

    Args:
        model: Path of the folder, or an id on the Hugging Face hub, which is downloaded on load.
        family: Kind of model.
        root: Folder that a relative path starts from.
        if_missing: Advice for the error message if there are no weights.
        parameter: Name of the parameter that sets the model, for error messages.
        files: Patterns of the files that are downloaded from the hub.
        optional: Whether a run may do without the model; if it is missing, the error is then raised
            only when the partition is loaded.
        autoencoder: Folder or id of an autoencoder that replaces the model's own one; its content
            is part of the fingerprint. None to keep the model's own.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(
        self,
        *,
        model: str,
        family: str,
        root: str,
        if_missing: str,
        parameter: str = "model",
        files: Sequence[str] = FILES,
        optional: bool = False,
        autoencoder: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._family = family
        self._root = Path(root)
        self._if_missing = if_missing
        self._parameter = parameter
        self._files = files
        self._optional = optional
        self._autoencoder = autoencoder
        self.metadata = metadata

    def load(self) -> Partition:
        """Return a partition that loads the folder and the fingerprint of its weights.

        Raises:
            DatasetError: If there are no weights, or an id is not on the hub. If the model is
                optional, loading the partition raises the error instead.
        """
        try:
            return self._find()
        except DatasetError as error:
            if not self._optional:
                raise
            return Partition(partial(_refuse, str(error)), "missing", configuration="missing")

    def _find(self) -> Partition:
        folder = find_model(self._model, self._root, self._files, self._parameter)
        self._check_texts(folder, self._parameter)
        missing = _parts_without_weights(folder)
        weights = _weights(folder)
        if missing or not weights:
            raise DatasetError(
                f"expected model weights in {folder.joinpath(*missing[:1])}, found none; "
                f"name another model with --params {self._parameter}=FOLDER; {self._advice(folder)}"
            )
        contents = [_digest_of([*weights, *_texts(folder)])]
        given = self._find_autoencoder() if self._autoencoder else None
        if given:
            contents.append(_digest_of([*_weights(given), *_texts(given)]))
        fingerprint = digest(self._family, *contents)
        load = partial(ModelFolder, folder, fingerprint, self._family, given)
        return Partition(load, fingerprint, configuration=fingerprint)

    def _find_autoencoder(self) -> Path:
        name, parameter = str(self._autoencoder), "autoencoder.given"
        folder = find_model(name, self._root, AUTOENCODER_FILES, parameter)
        self._check_texts(folder, parameter)
        if not _weights(folder):
            raise DatasetError(
                f"{parameter}: expected the weights of an AutoencoderKL in {folder}, found none; "
                f"name its own folder with --params {parameter}=FOLDER, or null for the "
                "autoencoder of the model"
            )
        return folder

    def save(self, data: Mapping[str, Any]) -> None:
        """Write a pipeline and other files, then put the folder in place in one step.

        Args:
            data: File name -> its content, or any name -> diffusers pipeline.

        Raises:
            DatasetError: If the folder cannot be written.
        """
        from safetensors import SafetensorError

        folder = self._root / self._model
        try:
            with replacing_folder(folder) as fresh:
                for name, content in data.items():
                    if isinstance(content, str):
                        (fresh / name).write_text(content, encoding="utf-8")
                    elif isinstance(content, bytes):
                        (fresh / name).write_bytes(content)
                    else:
                        content.save_pretrained(fresh, safe_serialization=True)
        except (OSError, SafetensorError) as error:
            raise DatasetError(f"{folder} could not be written: {error}") from error

    def _check_texts(self, folder: Path, parameter: str) -> None:
        """Refuse a damaged configuration here: errors of libraries do not name the file."""
        for path in _texts(folder):
            try:
                if path.suffix == ".json":
                    kind = dict if path.name.endswith(CONFIGURATIONS) else object
                    content = read_json(path, kind)
                    if path.name in OF_A_CLASS and not content.get("_class_name"):
                        raise ValueError(f"{path}: expected a _class_name in it, got none")
            except ValueError as error:
                raise DatasetError(
                    f"{error}; replace it with a complete file, or name another model with "
                    f"--params {parameter}=FOLDER"
                ) from error

    def _advice(self, folder: Path) -> str:
        from_hub = folder.name != Path(self._model).name
        if not from_hub:
            return self._if_missing
        if self._files != FILES:
            return f"take one with {', '.join(self._files)}"
        return f"if its weights are pickles, convert them: kedro convert-model {self._model} TARGET"

    def _exists(self) -> bool:
        return bool(_weights(self._root / self._model))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._root / self._model), "family": self._family}


def _refuse(message: str) -> None:
    raise DatasetError(message)


def _weights(folder: Path) -> list[Path]:
    """Return all weight files, including formats that are refused later with a reason."""
    return [path for path in sorted(folder.rglob("*")) if path.suffix in (".safetensors", *PICKLES)]


def _texts(folder: Path) -> list[Path]:
    """Return configurations and vocabularies, without notes, which do not affect sampling."""
    notes = {folder / name for name in NOTES}
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".json", ".txt") and path not in notes
    ]


def _parts_without_weights(folder: Path) -> list[str]:
    """Return the names of pipeline parts that are missing or lack their weights."""
    index = folder / "model_index.json"
    parts = read_json(index, dict) if index.is_file() else {}
    # A part is [library, class]; both are null if the pipeline does not use it.
    named = [name for name, made in parts.items() if isinstance(made, list) and made[0]]
    return [
        name
        for name in named
        if name not in UNUSED
        and (
            not (part := folder / name).is_dir()
            or ((part / "config.json").is_file() and not _weights(part))
        )
    ]


def _digest_of(paths: list[Path]) -> str:
    return _digest_of_state(
        tuple((str(path), (state := path.stat()).st_size, state.st_mtime_ns) for path in paths)
    )


@lru_cache(maxsize=8)
def _digest_of_state(state: tuple[tuple[str, int, int], ...]) -> str:
    """Return the digest of files; read them once per process while sizes and times stay."""
    return file_digest(Path(name) for name, _, _ in state)
