"""Runs that have nothing to do, told from what the last one like them left, in a second."""

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

from mgd3_kedro.durable import read_json, write_json
from mgd3_kedro.nesting import flat

FOLDER = ".mgd3/finished_runs"
OPTIONS = ("env", "params", "pipelines", "pipeline")
"""Options of a run that may be told to be finished; one with others is always run."""
CHILD_OF = ("MGD3_RUN_NAME", "MLFLOW_RUN_ID")
"""Variables that say that the run is a part of something that waits for it."""
PACKAGE = __name__.split(".", maxsplit=1)[0]
CARDS = "CUDA_VISIBLE_DEVICES"
"""Variable that says which cards are seen."""
PATHS = ("filepath", "path", "source", "model", "classes", "autoencoder")
"""What catalog entries call the files that they are read from, or kept in."""
SOURCE = "source"
"""What entries of images call the place of a split."""
OF_OTHER_RUNS = "entry"
"""What entries have that are read from other runs, wherever these are."""
STORE = "store"
"""What entries have that are kept in another place, too."""
MISSING = "missing"
LARGE, MOST_FILES = 1 << 22, 100_000
"""Bytes from which on a file is told by size and time; files that are looked at in a folder."""


@dataclass(frozen=True)
class FinishedRun:
    """What a run with some options left, if there was one.

    Args:
        project: Folder of the project.
        key: What tells it from runs with other options, configuration, code or libraries.
    """

    project: Path
    key: str

    @classmethod
    def of(cls, project: Path, options: Mapping[str, Any]) -> FinishedRun | None:
        """Return the run that has these options of `kedro run`; none if it cannot be told."""
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
            # What "auto" stands for is another on another machine, which may have the same project.
            platform.node(),
            os.environ.get(CARDS, ""),
            *_libraries(),
            *(f"{path} {_digest(path)}" for path in sources),
        ]
        return cls(project, hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16])

    @property
    def path(self) -> Path:
        """Where it is written down."""
        return self.project / FOLDER / f"{self.key}.json"

    def find(self) -> dict[str, Any] | None:
        """Return what was written down, if all that was read and made is still as it was."""
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
        """Write down what the run read and made; nothing where not all of it is files here.

        Args:
            entries: Of the catalog, as configured, that it read or made.
            about: What else is to be found again.
        """
        stamps = {}
        for entry in entries:
            if OF_OTHER_RUNS in entry or entry.get(STORE) or _is_elsewhere(self.project, entry):
                return
            for name in _paths_of(self.project, entry):
                for path in (name, f"{name}.manifest"):
                    stamp = stamp_of(self.project / path)
                    if stamp is None:
                        return
                    stamps[path] = stamp
        # Not worth an error: without it the run is looked through again.
        with contextlib.suppress(OSError):
            text = json.dumps({"stamps": stamps, **about})
            write_json(self.path, [text, hashlib.sha256(text.encode()).hexdigest()])


@cache
def _libraries() -> tuple[str, ...]:
    """Return the libraries that this package names and that are installed, with their versions."""
    required, found = metadata.requires(PACKAGE) or [], []
    for name in sorted({re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in required}):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return tuple(found)


def stamp_of(path: Path) -> str | None:
    """Return what changes when a file, or a file in a folder, does; None of too large a folder."""
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
    """Return the file or folder that a path is read from, which may be in an archive or a split.

    `images.zip/train` is read from the archive; `images/train` from `images`, where that has tables
    called `train` or is split by this project.
    """
    path = project / value
    if path.exists():
        return value
    archive = next((parent for parent in path.parents if parent.is_file()), None)
    if archive is None and name == SOURCE and path.parent.is_dir():
        return str(path.parent)
    return str(archive or value)


def _is_elsewhere(project: Path, entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry is read from a hub, which may have another by now."""
    return "model" in entry and not (project / str(entry["model"])).exists()


def _files(folder: Path) -> Iterator[Path]:
    # Links are followed where images are read, too.
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
