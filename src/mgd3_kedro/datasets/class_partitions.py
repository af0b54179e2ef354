"""Artefacts partitioned by class: computed where they are kept, resumed, never half written."""

from __future__ import annotations

import logging
import os
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.fingerprint import PACKAGE, configuration_digest, task_fingerprint
from mgd3_kedro.stages import LoadedTask, Partition, Stage

logger = logging.getLogger(__name__)


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
        self._manifest = Manifest(Path(filepath), self.suffix)
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
        manifest = self._manifest
        if not pending and manifest.is_complete and manifest.read_index() == list(data.tasks):
            return
        with manifest.alone() as waited:
            self._complete(
                data, self._pending(data, fingerprints) if waited else pending, fingerprints
            )

    def _pending(self, data: Stage, fingerprints: Mapping[str, str]) -> list[str]:
        pending = [
            wnid for wnid in data.tasks if not self._manifest.is_valid(wnid, fingerprints[wnid])
        ]
        self.last_save = SaveReport(skipped=len(data.tasks) - len(pending))
        return pending

    def _complete(self, data: Stage, pending: list[str], fingerprints: Mapping[str, str]) -> None:
        """Compute and write some classes."""
        self._manifest.reopen()
        if not self._keep_others:
            self._manifest.forget_others(data.tasks)
        done, name = self.last_save.skipped, self._manifest.artefact.name
        for group in self._results(data, pending, fingerprints):
            self.last_save.computed += len(group)
            self.last_save.computing_seconds += sum(group.values())
            done += len(group)
            logger.info("%s: %d of %d (%s)", name, done, len(data.tasks), ", ".join(group))
        self._manifest.close(list(data.tasks))

    def load(self) -> dict[str, Partition]:
        """Return wnid -> partition, nothing read yet.

        Raises:
            DatasetError: If the artefact is missing or incomplete.
        """
        if not self._exists():
            raise DatasetError(
                f"expected a complete {self._manifest.artefact}, found "
                f"{self._manifest.finished or 'no'} finished partitions; "
                "run the stage that makes it (finished partitions are not computed again)"
            )
        return {wnid: self._partition(wnid) for wnid in self._manifest.read_index()}

    def _exists(self) -> bool:
        return self._manifest.is_complete

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._manifest.artefact), "executor": self._executor}

    def _partition(self, wnid: str) -> Partition:
        record = self._manifest.read_record(wnid)
        return Partition(
            load=partial(self.read, self._manifest.path_of(wnid)),
            fingerprint=record["content"],
            count=record["count"],
            seconds=record["seconds"],
            metrics=record["metrics"],
            rows=tuple(record["rows"]),
            configuration=record.get("configuration", ""),
        )

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
            inputs = (partition.configuration for partition in stage.tasks[wnid].inputs)
            made_by = configuration_digest(stage.function, stage.settings, inputs)
            self._manifest.keep(wnid, result, fingerprints[wnid], made_by, seconds, self.write)
        return dict.fromkeys(made, seconds)
