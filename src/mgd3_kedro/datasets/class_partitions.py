"""Artefacts partitioned by class: computed when saved, resumable, written atomically."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.checks import check_choice
from mgd3_kedro.datasets.claims import Claims
from mgd3_kedro.datasets.filling import Work, fill
from mgd3_kedro.datasets.reuse import REUSE, describe_changes, describe_differences
from mgd3_kedro.datasets.stored import open_manifest, open_store
from mgd3_kedro.durations import in_words
from mgd3_kedro.environment import libraries_of
from mgd3_kedro.executors import ExecutorConfig
from mgd3_kedro.fingerprint import digest, task_fingerprints
from mgd3_kedro.progress import Progress, report
from mgd3_kedro.stages import Partition, Stage

logger = logging.getLogger(__name__)


@dataclass
class SaveReport:
    """Summary of the last save.

    Args:
        computed: Number of classes computed.
        skipped: Number of classes that were valid already, or that other processes computed.
        awaited: Number of classes that other processes computed during this save.
        computing_seconds: Computing time in seconds, summed over workers.
    """

    computed: int = 0
    skipped: int = 0
    awaited: int = 0
    computing_seconds: float = 0.0


class ClassPartitionsDataset(AbstractDataset[Stage, dict[str, Partition]]):
    """Partitions, one file or folder per class, with a manifest of what each was made from.

    Saving a `Stage` computes the classes that are missing or out of date, in parallel if there are
    several workers, and writes each of them atomically. After a killed run, the next one computes
    only what is left. Processes that make the same artefact at the same time divide the classes.
    Loading returns wnid -> `Partition` in the order of the stage.

    Args:
        filepath: Folder of the partitions; the manifest is the folder beside it.
        executor: Where classes are computed: fields of `ExecutorConfig`.
        workers: Number of classes, or groups of classes, computed in parallel; -1 for one per core.
        selection: Text that identifies a selection of classes. Classes of other selections are
            kept, and loading returns only the classes of this one. None: saving removes all other
            classes.
        reuse: Whether to keep partitions made with other library versions, one of `REUSE`: "any"
            keeps them with a warning, "same" makes them again.
        store: Fields of the `Store` that keeps the partitions too; None for the folder alone.
        metadata: Ignored by Kedro; read by plugins.

    Raises:
        ValueError: If `reuse` is unknown.
    """

    suffix = ""

    def __init__(
        self,
        *,
        filepath: str,
        executor: Mapping[str, Any] | None = None,
        workers: int = 1,
        selection: str | None = None,
        reuse: str = "any",
        store: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        check_choice("reuse", reuse, REUSE)
        self._manifest = open_manifest(Path(filepath), open_store(store), self.suffix, selection)
        self._executor = ExecutorConfig(**(executor or {}))
        self._workers = workers
        self._reuse = reuse
        self.metadata = metadata
        self.last_save = SaveReport()

    @staticmethod
    @abstractmethod
    def write(path: Path, value: Any) -> None:
        """Write the value of one class to a path that does not exist."""

    @staticmethod
    @abstractmethod
    def read(path: Path) -> Any:
        """Read the value of one class."""

    def save(self, data: Stage) -> None:
        """Compute and write the classes that are missing or out of date.

        Raises:
            DatasetError: If a partition cannot be written; the finished ones are kept.
        """
        fingerprints = task_fingerprints(data.function, data.settings, data.tasks)
        libraries = libraries_of(data.function, data.settings)
        try:
            self._manifest.check_index()
        except ValueError as error:
            logger.warning("%s; written anew", error)
        manifest, name = self._manifest, self._manifest.artefact.name
        work = Work(data, manifest, self.write, fingerprints, libraries, self._reuse)
        checked = work.check(work.wnids)
        self.last_save = SaveReport(skipped=len(work.wnids) - len(checked.pending))
        if checked.changed:
            logger.warning("%s: %s", name, describe_changes(checked.changed, len(work.wnids)))
        if checked.differences:
            told = describe_differences(checked.differences, len(work.wnids))
            logger.warning("%s: %s", name, told)
        if work.is_done(checked.pending):
            manifest.tidy()
            return
        with manifest.shared(digest(*map(str, fingerprints.items()))) as claims:
            with claims.alone():
                pending = work.check(checked.pending).pending
                # Another run may have completed the artefact meanwhile and be reading it: do not
                # reopen it.
                if work.is_done(pending):
                    self.last_save.skipped = len(work.wnids)
                    self.last_save.awaited = len(checked.pending)
                    return
                manifest.reopen()
                manifest.forget_others(work.wnids)
            self._complete(work, pending, claims)
            with claims.alone():
                manifest.close(work.wnids)

    def _complete(self, work: Work, pending: Sequence[str], claims: Claims) -> None:
        """Compute and write some classes, and report the progress."""
        name, total, begun = self._manifest.artefact.name, len(work.wnids), time.monotonic()
        before, saved = total - len(pending), self.last_save
        report(Progress(name, before, total))
        for made, missing in fill(work, pending, claims, self._executor, self._workers):
            saved.computed += len(made)
            saved.computing_seconds += sum(made.values())
            done = total - missing
            seconds = (time.monotonic() - begun) / (done - before) * missing
            report(Progress(name, done, total, left=in_words(seconds)))
        saved.skipped = total - saved.computed
        saved.awaited = len(pending) - saved.computed

    @property
    def finished(self) -> int:
        """Number of finished partitions, whether the artefact is complete or not."""
        return self._manifest.finished

    def load(self) -> dict[str, Partition]:
        """Return wnid -> partition; values are read only when a partition is loaded.

        Raises:
            DatasetError: If the artefact is missing or incomplete, or its records are damaged.
        """
        advice = "run the stage that makes it (finished partitions are not computed again)"
        try:
            if self._exists():
                records = self._manifest.read_records(self._manifest.read_index())
                return {wnid: self._partition(wnid, record) for wnid, record in records.items()}
            self._manifest.check_index()
        except ValueError as error:
            raise DatasetError(f"{error}; {advice}") from error
        raise DatasetError(
            f"expected a complete {self._manifest.artefact}, found "
            f"{self._manifest.finished or 'no'} finished partitions; {advice}"
        )

    def _exists(self) -> bool:
        return self._manifest.is_complete

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._manifest.artefact), "workers": self._workers}

    def _partition(self, wnid: str, record: Mapping[str, Any]) -> Partition:
        content = record["content"]
        return Partition(
            load=partial(self._manifest.read, self.read, wnid, content),
            fingerprint=content,
            count=record["count"],
            seconds=record["seconds"],
            metrics=record["metrics"],
            rows=tuple(record["rows"]),
            configuration=record["configuration"],
            environment=record["environment"],
            command=record["command"],
            peak_memory_mb=record["peak_memory_mb"],
        )
