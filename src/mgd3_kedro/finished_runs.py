"""Records of finished runs, to see within a second that the same run has nothing to do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mgd3_kedro.configured import OTHER_ENTRY, STORE
from mgd3_kedro.durable import read_json, write_json
from mgd3_kedro.nesting import flat

FOLDER = ".mgd3/finished_runs"
OPTIONS = ("env", "params", "pipelines", "pipeline")
"""Options that a recorded run may have; a run with any other option always starts."""
CHILD_OF = ("MGD3_RUN_NAME", "MLFLOW_RUN_ID")
"""Environment variables of a run that another process started and waits for; it always starts."""
PACKAGE = __name__.split(".", maxsplit=1)[0]
CARDS = "CUDA_VISIBLE_DEVICES"
"""Environment variable that selects the visible GPUs."""
PATHS = ("filepath", "path", "source", "model", "classes", "autoencoder")
"""Keys of catalog entries for the files that they read or write."""
SOURCE = "source"
"""Key of image entries for the location of a split."""
MISSING = "missing"
LARGE, MOST_FILES = 1 << 22, 100_000
"""Bytes above which a file is identified by size and time; most files checked in a folder."""


@dataclass(frozen=True)
class FinishedRun:
    """Record of a finished run, which exists if there was such a run.

    Args:
        project: Folder of the project.
        key: Digest of the options, configuration, code, libraries and machine of the run.
    """

    project: Path
    key: str

    @classmethod
    def of(cls, project: Path, options: Mapping[str, Any]) -> FinishedRun | None:
        """Return the record for these options of `kedro run`; None if such runs have none."""
        given = {name: value for name, value in options.items() if value}
        unusual = {*given} - {*OPTIONS}
        if unusual or any(name in os.environ for name in CHILD_OF):
            return None
        files = [*_files(project / "conf"), *_files(Path(__file__).parent)]
        sources = [path for path in files if path.suffix in (".py", ".yml", ".yaml")]
        facts = [
            json.dumps(given, sort_keys=True, default=str),
            os.environ.get("KEDRO_ENV", ""),
            platform.python_version(),
            # "auto" may mean another device on another machine that shares the project folder.
            platform.node(),
            os.environ.get(CARDS, ""),
            *_libraries(),
            *(f"{path} {_digest(path)}" for path in sources),
        ]
        return cls(project, hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16])

    @property
    def path(self) -> Path:
        """Path of the record."""
        return self.project / FOLDER / f"{self.key}.json"

    def find(self) -> dict[str, Any] | None:
        """Return the recorded content; None if a file that the run read or made has changed."""
        try:
            text, digest = read_json(self.path, list)
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                return None
            kept: dict[str, Any] = json.loads(text)
        except (OSError, ValueError, AttributeError):
            return None
        stamps = kept["stamps"].items()
        is_valid = all(stamp_of(self.project / name) == stamp for name, stamp in stamps)
        return kept if is_valid else None

    def keep(self, entries: Iterable[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
        """Record the files that the run read and made, unless some are not local files.

        Args:
            entries: Configurations of the catalog entries that the run read or made.
            about: Further content of the record, which `find` returns.
        """
        stamps = {}
        for entry in entries:
            if OTHER_ENTRY in entry or entry.get(STORE) or _is_elsewhere(self.project, entry):
                return
            for name in _paths_of(self.project, entry):
                for path in (name, f"{name}.manifest"):
                    stamp = stamp_of(self.project / path)
                    if stamp is None:
                        return
                    stamps[path] = stamp
        # Not an error: without a record, the next run checks all its stages again.
        with contextlib.suppress(OSError):
            text = json.dumps({"stamps": stamps, **about})
            write_json(self.path, [text, hashlib.sha256(text.encode()).hexdigest()])


@cache
def _libraries() -> tuple[str, ...]:
    """Return the installed libraries that this package requires, with their versions."""
    required, found = metadata.requires(PACKAGE) or [], []
    for name in sorted({re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in required}):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return tuple(found)


def stamp_of(path: Path) -> str | None:
    """Return a text that changes with a file or folder; None for a folder with too many files."""
    if not path.exists():
        return MISSING
    if path.is_file():
        facts = path.stat()
        return f"{facts.st_size} {facts.st_mtime_ns}" if facts.st_size > LARGE else _digest(path)
    total = hashlib.sha256()
    for number, file in enumerate(_files(path)):
        if number == MOST_FILES:
            return None
        facts = file.stat()
        told = f"{file.relative_to(path)} {facts.st_size} {facts.st_mtime_ns}\n"
        total.update(told.encode())
    return total.hexdigest()


def _paths_of(project: Path, entry: Mapping[str, Any]) -> Iterator[str]:
    for name, value in flat(entry).items():
        if name in PATHS and isinstance(value, str):
            yield _read_from(project, name, value)


def _read_from(project: Path, name: str, value: str) -> str:
    """Return the existing file or folder that a path is read from.

    `images.zip/train` is read from the archive. `images/train` is read from `images` if that folder
    has tables named `train`, or if this project splits it.
    """
    path = project / value
    if path.exists():
        return value
    archive = next((parent for parent in path.parents if parent.is_file()), None)
    if archive is None and name == SOURCE and path.parent.is_dir():
        return str(path.parent)
    return str(archive or value)


def _is_elsewhere(project: Path, entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry is read from a hub, where its content may have changed."""
    return "model" in entry and not (project / str(entry["model"])).exists()


def _files(folder: Path) -> Iterator[Path]:
    # Follow symbolic links, as the datasets of images do.
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
