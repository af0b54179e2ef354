"""Computation of the missing classes of an artefact, divided among processes and workers."""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from mgd3_kedro.cards import use_free_card
from mgd3_kedro.datasets.claims import FIRST_WAIT, WAIT, Claims
from mgd3_kedro.datasets.log_forwarding import LogForwarder, receiving_logs
from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.datasets.partition_records import Origin
from mgd3_kedro.datasets.reuse import tell_difference
from mgd3_kedro.environment import command, devices_of, environment, precisions_of, versions_of
from mgd3_kedro.executors import ExecutorConfig
from mgd3_kedro.fingerprint import configuration_digest, task_fingerprints
from mgd3_kedro.memory import peak_memory_mb
from mgd3_kedro.stages import Stage

logger = logging.getLogger(__name__)


class Checked(NamedTuple):
    """Result of checking which classes of a stage exist already.

    Args:
        pending: Classes that are missing or out of date.
        changed: Pending classes whose files are gone or were modified.
        differences: Difference in library versions -> number of kept classes with this difference.
    """

    pending: list[str]
    changed: list[str]
    differences: Counter[str]


@dataclass(frozen=True)
class Work:
    """Classes that an artefact must have, and how they are made and kept.

    Args:
        stage: Stage that computes the classes.
        manifest: Manifest of the folder that keeps them.
        write: Function that writes the value of one class to a path that does not exist.
        fingerprints: wnid -> identity of what the class is made from.
        libraries: Distribution -> version, of the libraries that compute the classes.
        reuse: One of `REUSE`.
    """

    stage: Stage
    manifest: Manifest
    write: Callable[..., None]
    fingerprints: Mapping[str, str]
    libraries: Mapping[str, str]
    reuse: str

    @property
    def wnids(self) -> list[str]:
        """All classes, in order."""
        return list(self.stage.tasks)

    def check(self, wnids: Sequence[str]) -> Checked:
        """Return which of some classes are missing or out of date."""
        checked = Checked([], [], Counter())
        found = self.manifest.find_all({wnid: self.fingerprints[wnid] for wnid in wnids})
        for wnid, (record, has_changed) in found.items():
            if has_changed:
                checked.changed.append(wnid)
            difference = tell_difference(record["libraries"], self.libraries) if record else ""
            if record is None or (difference and self.reuse == "same"):
                checked.pending.append(wnid)
            elif difference:
                checked.differences[difference] += 1
        return checked

    def is_done(self, pending: Sequence[str]) -> bool:
        """Return whether the artefact is marked as complete and none of its classes is pending."""
        listed = self.manifest.is_complete and self.manifest.read_index() == self.wnids
        return listed and not pending

    def of(self, wnids: Sequence[str]) -> Work:
        """Return the part of the work for some classes, which is what one worker receives."""
        stage = replace(self.stage, tasks={wnid: self.stage.tasks[wnid] for wnid in wnids})
        prints = {wnid: self.fingerprints[wnid] for wnid in wnids}
        return replace(self, stage=stage, fingerprints=prints)


def fill(
    work: Work, pending: Sequence[str], claims: Claims, executor: ExecutorConfig, workers: int
) -> Iterator[tuple[dict[str, float], int]]:
    """Compute the pending classes, or wait for processes that do, until none is missing.

    Args:
        work: All classes of the artefact.
        pending: Classes that are missing or out of date.
        claims: Claims that divide the classes among processes.
        executor: Where the classes are computed.
        workers: Number of calls in parallel.

    Yields:
        wnid -> seconds of the classes computed here, and the number of classes still missing.

    Raises:
        ValueError: If a worker has another version of the project or its libraries, or writes to
            another folder.
    """
    told, pause = False, FIRST_WAIT
    while pending:
        groups = take_groups(work, pending, claims)
        if first := next(groups, None):
            mine: set[str] = set()
            for made in _compute(work, chain([first], groups), executor, workers):
                claims.give_back(list(made))
                mine.update(made)
                yield made, len(pending) - len(mine)
            pending = [wnid for wnid in pending if wnid not in mine]
        else:
            if not told:
                name = work.manifest.artefact.name
                logger.info(
                    "%s: waiting for another process that makes the last %d", name, len(pending)
                )
            told = True
            # Begin with short pauses, so that short work is not awaited for long.
            time.sleep(pause)
            pause = min(2 * pause, WAIT)
        pending = work.check(pending).pending


def _compute(
    work: Work, groups: Iterable[list[str]], executor: ExecutorConfig, workers: int
) -> Iterator[dict[str, float]]:
    """Run groups of classes on workers, and yield wnid -> seconds of every finished group."""
    is_remote, written_by = executor.is_remote(workers), command()
    to_workers = executor.in_processes(workers)
    with receiving_logs(logger.getEffectiveLevel(), to_workers=to_workers) as forwarder:
        calls = (
            partial(make_classes, work.of(group), written_by, forwarder, is_checked=is_remote)
            for group in groups
        )
        for made in executor.run(calls, workers):
            if is_remote and (lost := work.check(list(made)).pending):
                raise ValueError(
                    f"{work.manifest.artefact}: expected {lost[0]}, which a worker has written, "
                    "found nothing; use a project folder that the workers and this process share"
                )
            yield made


def take_groups(work: Work, pending: Sequence[str], claims: Claims) -> Iterator[list[str]]:
    """Claim and yield groups of classes, one per call, while unclaimed ones are left."""
    size, left = work.stage.group_size, work.manifest.order(pending)
    whole = size >= len(work.wnids)
    while taken := claims.take(left, size, whole=whole):
        left = [wnid for wnid in left if wnid not in taken]
        # Another process may have made some of them before they were claimed.
        group = work.check(taken).pending
        claims.give_back([wnid for wnid in taken if wnid not in group])
        if group:
            yield group


def make_classes(
    work: Work, written_by: str, forwarder: LogForwarder, *, is_checked: bool
) -> dict[str, float]:
    """Compute and write classes in the current process, which may be a worker.

    Args:
        work: The part of the work for these classes.
        written_by: Command of the run.
        forwarder: Forwards log messages of a worker to the process of the run.
        is_checked: Whether to check that this process has the run's version of the project and of
            its libraries.

    Returns:
        wnid -> seconds.

    Raises:
        ValueError: If it has another version.
    """
    forwarder.speak_in_workers()
    use_free_card()
    stage, versions = work.stage, versions_of(tuple(work.libraries))
    if is_checked:
        _check_version(work, versions)
    start = time.perf_counter()
    loaded = {wnid: task.loaded() for wnid, task in stage.tasks.items()}
    made = stage.function(loaded, stage.settings)
    seconds = (time.perf_counter() - start) / len(made)
    peak = peak_memory_mb()
    place = environment(devices_of(stage.settings), precisions_of(stage.settings))
    for wnid, result in made.items():
        inputs = (partition.configuration for _, partition in stage.tasks[wnid].partitions)
        made_by = configuration_digest(stage.function, stage.settings, inputs)
        origin = Origin(work.fingerprints[wnid], made_by, versions, place, written_by)
        work.manifest.keep(wnid, result, origin, seconds, peak, work.write)
    return dict.fromkeys(made, seconds)


def _check_version(work: Work, versions: Mapping[str, Any]) -> None:
    here = task_fingerprints(work.stage.function, work.stage.settings, work.stage.tasks)
    if here != work.fingerprints:
        raise ValueError(
            f"the worker on {socket.gethostname()}: expected the version of mgd3_kedro of the run, "
            "found another; install the same there"
        )
    if difference := tell_difference(work.libraries, versions):
        raise ValueError(
            f"the worker on {socket.gethostname()}: expected the libraries of the run, which has "
            f"{difference}; install the same there"
        )
