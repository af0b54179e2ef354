"""Artefacts partitioned by class: computed where they are kept, resumed, never half written."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.datasets.fingerprint import PACKAGE, file_digest, task_fingerprint
from mgd3_kedro.stages import LoadedTask, Made, Partition, Stage

logger = logging.getLogger(__name__)

INDEX, LOCK = "complete", ".lock"


def manifest_of(folder: Path) -> Path:
    """Return the folder of what is written down about partitions.

    Source: ours.
    """
    return folder.with_name(f"{folder.name}.manifest")


@dataclass
class SaveReport:
    """What the last save did.

    Args:
        computed: Classes computed.
        skipped: Classes that were there already and still valid.
        computing_seconds: Time spent computing, summed over workers.
    """

    computed: int = 0
    skipped: int = 0
    computing_seconds: float = 0.0


@dataclass(frozen=True)
class Speaker:
    """Lets worker processes log to the console as the process that started them does.

    Args:
        process: That process.
        level: Of its messages.
    """

    process: int
    level: int

    def speak_in_workers(self) -> None:
        """Set logging up in a process that is another one and has none."""
        if os.getpid() != self.process and not logging.getLogger().handlers:
            logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
            logging.getLogger(PACKAGE).setLevel(self.level)


class ClassPartitionsDataset(AbstractDataset[Stage, dict[str, Partition]]):
    """One file or folder per class, and beside them a manifest of what each was made from.

    Saving a `Stage` computes the classes that are missing or out of date, several at a time if the
    executor says so, and writes each atomically; a run that was killed goes on where it was.
    Loading gives wnid -> `Partition` in the order of the stage.

    Args:
        filepath: Folder of the partitions; the manifest is the folder beside it.
        executor: Arguments of `joblib.Parallel`, e.g. `{n_jobs: 2, backend: loky}`; sequential in
            this process by default.
        keep_others: Whether partitions of earlier stages stay, for when they are asked for again;
            loading gives those of the last stage alone.
        metadata: Ignored by Kedro; read by plugins.
    """

    suffix = ""

    def __init__(
        self,
        *,
        filepath: str,
        executor: dict[str, Any] | None = None,
        keep_others: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._folder = Path(filepath)
        self._manifest = manifest_of(self._folder)
        self._executor = {"n_jobs": 1, **(executor or {})}
        self._keep_others = keep_others
        self.metadata = metadata
        self.last_save = SaveReport()

    @staticmethod
    @abstractmethod
    def write(path: Path, value: Any) -> None:
        """Write one class to a path that does not exist."""

    @staticmethod
    @abstractmethod
    def read(path: Path) -> Any:
        """Read one class."""

    def save(self, data: Stage) -> None:
        """Compute and write what is missing or out of date.

        Raises:
            DatasetError: If a partition cannot be written; the finished ones are kept.
        """
        fingerprints = {
            wnid: task_fingerprint(
                data.function,
                data.settings,
                task.about,
                [partition.fingerprint for partition in task.inputs],
            )
            for wnid, task in data.tasks.items()
        }
        pending = self._pending(data, fingerprints)
        if not pending and self._exists() and self._index() == list(data.tasks):
            return
        with self._alone() as waited:
            self._complete(
                data, self._pending(data, fingerprints) if waited else pending, fingerprints
            )

    def _pending(self, data: Stage, fingerprints: Mapping[str, str]) -> list[str]:
        pending = [wnid for wnid in data.tasks if not self._is_valid(wnid, fingerprints[wnid])]
        self.last_save = SaveReport(skipped=len(data.tasks) - len(pending))
        return pending

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep other processes from writing here; tells whether one was at it before."""
        lock = FileLock(self._manifest / LOCK)
        waited = False
        try:
            self._manifest.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                logger.info("%s: another process is at it, waiting", self._folder.name)
                lock.acquire()
                waited = True
        except OSError as error:
            raise _unwritable(self._manifest / LOCK, error) from error
        try:
            yield waited
        finally:
            lock.release()

    def _complete(self, data: Stage, pending: list[str], fingerprints: Mapping[str, str]) -> None:
        """Compute and write some classes."""
        (self._manifest / INDEX).unlink(missing_ok=True)
        if not self._keep_others:
            self._forget_others(data)
        done = self.last_save.skipped
        for group in self._results(data, pending, fingerprints):
            self.last_save.computed += len(group)
            self.last_save.computing_seconds += sum(group.values())
            done += len(group)
            logger.info(
                "%s: %d of %d (%s)", self._folder.name, done, len(data.tasks), ", ".join(group)
            )
        try:
            self._write_json(self._manifest / INDEX, list(data.tasks))
        except OSError as error:
            raise _unwritable(self._manifest / INDEX, error) from error

    def load(self) -> dict[str, Partition]:
        """Return wnid -> partition, nothing read yet.

        Raises:
            DatasetError: If the artefact is missing or incomplete.
        """
        if not self._exists():
            done = len(list(self._manifest.glob("*.json"))) if self._manifest.is_dir() else 0
            raise DatasetError(
                f"expected a complete {self._folder}, found {done or 'no'} finished partitions; "
                "run the stage that makes it (finished partitions are not computed again)"
            )
        return {wnid: self._partition(wnid) for wnid in self._index()}

    def _exists(self) -> bool:
        return (self._manifest / INDEX).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "executor": self._executor}

    def _index(self) -> list[str]:
        """Return the classes of a complete artefact, in order."""
        names: list[str] = json.loads((self._manifest / INDEX).read_text())
        return names

    def _path(self, wnid: str) -> Path:
        return self._folder / f"{wnid}{self.suffix}"

    def _record(self, wnid: str) -> Path:
        return self._manifest / f"{wnid}.json"

    def _partition(self, wnid: str) -> Partition:
        record = json.loads(self._record(wnid).read_text())
        return Partition(
            load=partial(self.read, self._path(wnid)),
            fingerprint=record["content"],
            count=record["count"],
            seconds=record["seconds"],
            metrics=record["metrics"],
            rows=tuple(record["rows"]),
        )

    def _is_valid(self, wnid: str, fingerprint: str) -> bool:
        try:
            record = json.loads(self._record(wnid).read_text())
            return bool(
                record["fingerprint"] == fingerprint
                and record["content"] == file_digest(_files(self._path(wnid)))
            )
        except (OSError, ValueError, KeyError):
            return False

    def _forget_others(self, stage: Stage) -> None:
        """Remove what earlier stages of other classes left, so that no class is too many."""
        for record in self._manifest.glob("*.json"):
            if record.stem not in stage.tasks:
                record.unlink()
                _remove(self._path(record.stem))

    def _results(
        self, stage: Stage, pending: list[str], fingerprints: Mapping[str, str]
    ) -> Iterator[dict[str, float]]:
        from joblib import Parallel, delayed

        size = stage.group_size
        groups = [pending[start : start + size] for start in range(0, len(pending), size)]
        speaker = Speaker(os.getpid(), logger.getEffectiveLevel())
        jobs = (
            delayed(self._make)(
                Stage(stage.function, {w: stage.tasks[w] for w in group}, stage.settings),
                fingerprints,
                speaker,
            )
            for group in groups
        )
        parallel = Parallel(
            return_as="generator_unordered", pre_dispatch="n_jobs", **self._executor
        )
        yield from parallel(jobs)

    def _make(
        self, stage: Stage, fingerprints: Mapping[str, str], speaker: Speaker
    ) -> dict[str, float]:
        """Compute and write some classes; returns their seconds."""
        speaker.speak_in_workers()
        start = time.perf_counter()
        loaded = {
            wnid: LoadedTask(tuple(partition.load() for partition in task.inputs), task.about)
            for wnid, task in stage.tasks.items()
        }
        made = stage.function(loaded, stage.settings)
        seconds = (time.perf_counter() - start) / len(made)
        for wnid, result in made.items():
            self._keep(wnid, result, fingerprints[wnid], seconds)
        return dict.fromkeys(made, seconds)

    def _keep(self, wnid: str, made: Made, fingerprint: str, seconds: float) -> None:
        path = self._path(wnid)
        fresh = self._manifest / f"{wnid}.partial{self.suffix}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._manifest.mkdir(parents=True, exist_ok=True)
            _remove(fresh)
            self.write(fresh, made.value)
            self._record(wnid).unlink(missing_ok=True)
            _remove(path)
            fresh.replace(path)
            record = {
                "fingerprint": fingerprint,
                "content": file_digest(_files(path)),
                "count": made.count,
                "seconds": seconds,
                "metrics": dict(made.metrics),
                "rows": [dict(row) for row in made.rows],
            }
            self._write_json(self._record(wnid), record)
        except OSError as error:
            with contextlib.suppress(OSError):
                _remove(fresh)
            raise _unwritable(path, error) from error

    @staticmethod
    def _write_json(path: Path, content: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".partial")
        fresh.write_text(json.dumps(content))
        fresh.replace(path)


def _unwritable(path: Path, error: OSError) -> DatasetError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return DatasetError(
        f"{path} could not be written: {error.strerror or error}; "
        f"{'free some space' if full else 'see to it'} and run again "
        "(finished partitions are kept)"
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    # File managers leave hidden files of their own.
    return sorted(file for file in path.iterdir() if not file.name.startswith("."))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
