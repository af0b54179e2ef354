"""Artefacts partitioned by class: computed where they are kept, resumed, never half written."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.checks import check_choice
from mgd3_kedro.datasets.manifest import Manifest, Origin
from mgd3_kedro.datasets.reuse import REUSE, describe_differences, tell_difference
from mgd3_kedro.datasets.speaking import Speaker, listening
from mgd3_kedro.durations import in_words
from mgd3_kedro.environment import command, environment, libraries_of, versions_of
from mgd3_kedro.fingerprint import configuration_digest, task_fingerprints
from mgd3_kedro.memory import peak_memory_mb
from mgd3_kedro.progress import Progress, report
from mgd3_kedro.stages import Partition, Stage

logger = logging.getLogger(__name__)

LOKY = "loky"
"""What joblib runs workers with, where nothing else is asked for."""


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


class Checked(NamedTuple):
    """What is there of a stage already.

    Args:
        pending: Classes that are missing or out of date.
        differences: How library versions of others differ from those here -> how many do.
    """

    pending: list[str]
    differences: Counter[str]


class Run(NamedTuple):
    """What is written down about the run that computes, wherever its workers are.

    Args:
        command: Of the process that started them.
        libraries: Distributions that the stage uses.
    """

    command: str
    libraries: tuple[str, ...]


class ClassPartitionsDataset(AbstractDataset[Stage, dict[str, Partition]]):
    """One file or folder per class, and beside them a manifest of what each was made from.

    Saving a `Stage` computes the classes that are missing or out of date, several at a time if the
    executor says so, and writes each atomically; a run that was killed goes on where it was.
    Loading gives wnid -> `Partition` in the order of the stage.

    Args:
        filepath: Folder of the partitions; the manifest is the folder beside it.
        executor: Arguments of `joblib.Parallel`, e.g. `{n_jobs: 2, backend: loky}`; sequential in
            this process by default.
        selection: Where not all classes are asked for at once, a text that tells which; those that
            others asked for stay, and loading gives those of this one alone. None: others go.
        reuse: What is done with partitions made with other versions of libraries, one of `REUSE`:
            "any" keeps them and says so, "same" makes them anew.
        metadata: Ignored by Kedro; read by plugins.

    Raises:
        ValueError: If `reuse` is unknown.
    """

    suffix = ""

    def __init__(
        self,
        *,
        filepath: str,
        executor: dict[str, Any] | None = None,
        selection: str | None = None,
        reuse: str = "any",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        check_choice("reuse", reuse, REUSE)
        self._manifest = Manifest(Path(filepath), self.suffix, selection)
        self._executor = {"n_jobs": 1, **(executor or {})}
        self._reuse = reuse
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
        fingerprints = task_fingerprints(data.function, data.settings, data.tasks)
        libraries = libraries_of(data.function, data.settings)
        check = partial(self._check, fingerprints, libraries)
        checked = check()
        if self._is_done(data, checked):
            self._report(checked, len(data.tasks))
            return
        with self._manifest.alone() as waited:
            checked = check() if waited else checked
            self._report(checked, len(data.tasks))
            # What another run has completed meanwhile stays so: it may be reading it.
            if not self._is_done(data, checked):
                self._complete(data, checked.pending, fingerprints, libraries)

    def _is_done(self, data: Stage, checked: Checked) -> bool:
        """Tell whether all that is asked for is there, and marked as complete."""
        manifest = self._manifest
        listed = manifest.is_complete and manifest.read_index() == list(data.tasks)
        return listed and not checked.pending

    def _check(self, fingerprints: Mapping[str, str], libraries: Mapping[str, str]) -> Checked:
        """Find out which classes are missing or out of date."""
        checked = Checked([], Counter())
        for wnid, fingerprint in fingerprints.items():
            record = self._manifest.find_valid(wnid, fingerprint)
            difference = tell_difference(record.get("libraries"), libraries) if record else ""
            if record is None or (difference and self._reuse == "same"):
                checked.pending.append(wnid)
            elif difference:
                checked.differences[difference] += 1
        return checked

    def _report(self, checked: Checked, classes: int) -> None:
        self.last_save = SaveReport(skipped=classes - len(checked.pending))
        if checked.differences:
            told = describe_differences(checked.differences, classes)
            logger.warning("%s: %s", self._manifest.artefact.name, told)

    def _complete(
        self,
        data: Stage,
        pending: list[str],
        fingerprints: Mapping[str, str],
        libraries: Mapping[str, str],
    ) -> None:
        """Compute and write some classes."""
        self._manifest.reopen()
        self._manifest.forget_others(data.tasks)
        done, name = self.last_save.skipped, self._manifest.artefact.name
        begun = time.monotonic()
        report(Progress(name, done, len(data.tasks)))
        for group in self._results(data, pending, fingerprints, libraries):
            self.last_save.computed += len(group)
            self.last_save.computing_seconds += sum(group.values())
            done += len(group)
            report(Progress(name, done, len(data.tasks), left=self._left(begun, len(pending))))
        self._manifest.close(list(data.tasks))

    def _left(self, begun: float, pending: int) -> str:
        """Return how long the rest of what was pending will take, as that before took."""
        computed = self.last_save.computed
        return in_words((time.monotonic() - begun) / computed * (pending - computed))

    @property
    def finished(self) -> int:
        """Number of partitions there are, complete or not."""
        return self._manifest.finished

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

    def peak_memory_mb(self) -> float | None:
        """Return what the processes that made it held at most, in MB; None if that is not known."""
        records = [self._manifest.read_record(wnid) for wnid in self._manifest.read_index()]
        return max((of["peak_memory_mb"] for of in records if "peak_memory_mb" in of), default=None)

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
            environment=record.get("environment", ""),
            command=record.get("command", ""),
        )

    def _results(
        self,
        stage: Stage,
        pending: list[str],
        fingerprints: Mapping[str, str],
        libraries: Mapping[str, str],
    ) -> Iterator[dict[str, float]]:
        from joblib import Parallel, delayed

        size = stage.group_size
        groups = [pending[start : start + size] for start in range(0, len(pending), size)]
        run = Run(command(), tuple(libraries))
        to_workers = self._executor["n_jobs"] != 1
        with listening(logger.getEffectiveLevel(), to_workers=to_workers) as speaker:
            jobs = (
                delayed(self._make)(
                    Stage(stage.function, {w: stage.tasks[w] for w in group}, stage.settings),
                    fingerprints,
                    run,
                    speaker,
                )
                for group in groups
            )
            parallel = Parallel(
                return_as="generator_unordered", pre_dispatch="n_jobs", **self._executor
            )
            try:
                yield from parallel(jobs)
            finally:
                if to_workers and self._executor.get("backend", LOKY) == LOKY:
                    _end_workers()

    def _make(
        self, stage: Stage, fingerprints: Mapping[str, str], run: Run, speaker: Speaker
    ) -> dict[str, float]:
        """Compute and write some classes; returns their seconds."""
        speaker.speak_in_workers()
        start = time.perf_counter()
        loaded = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
        made = stage.function(loaded, stage.settings)
        seconds = (time.perf_counter() - start) / len(made)
        peak = peak_memory_mb()
        versions, place = versions_of(run.libraries), environment()
        for wnid, result in made.items():
            inputs = (partition.configuration for _, partition in stage.tasks[wnid].partitions)
            made_by = configuration_digest(stage.function, stage.settings, inputs)
            origin = Origin(fingerprints[wnid], made_by, versions, place, run.command)
            self._manifest.keep(wnid, result, origin, seconds, peak, self.write)
        return dict.fromkeys(made, seconds)


def _end_workers() -> None:
    # By themselves they take seconds to end, and the end of the run waits for that.
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
