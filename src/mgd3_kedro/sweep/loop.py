"""Loop over the points of a sweep; several run at the same time, each in its own process."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgd3_kedro.durations import in_words
from mgd3_kedro.points import DONE, FAILED, write_places
from mgd3_kedro.sweep.clusters import joining
from mgd3_kedro.sweep.plan import Point
from mgd3_kedro.sweep.runs import SweepRuns
from mgd3_kedro.sweep.sessions import Session
from mgd3_kedro.sweep.states import States
from mgd3_kedro.version import code_version

TICK = 0.1
"""Seconds between two checks of the processes."""
RUN_NAME, RUN_ID, THREADS = "MGD3_RUN_NAME", "MLFLOW_RUN_ID", "OMP_NUM_THREADS"


@dataclass
class _Running:
    point: Point
    session: Session
    run_id: str


class Loop:
    """Runs points, several at the same time.

    Args:
        project: Folder of the project.
        states: States of the points.
        runs: MLflow runs of the sweeps.
        jobs: Number of points that run at the same time.
        addresses: Kind of executor -> address of the cluster that points of that kind share.
        report: Prints a line.
    """

    def __init__(
        self,
        project: Path,
        states: States,
        runs: SweepRuns,
        jobs: int,
        addresses: Mapping[str, str],
        report: Callable[[str], None],
    ) -> None:
        self._project = project
        self._states = states
        self._runs = runs
        self._jobs = jobs
        self._addresses = addresses
        self._report = report
        self._running: list[_Running] = []
        self._left = self._total = 0
        self._seconds: list[float] = []
        self._done: list[float] = []

    def run(
        self,
        points: Sequence[Point],
        may_start: Callable[[int, Sequence[float]], bool] = lambda begun, seconds: True,
    ) -> None:
        """Run points; a part starts when the part before it has finished.

        A point that fails is recorded, and the others go on. An interrupt stops the running points,
        which then stay pending.

        Args:
            points: Points, in order.
            may_start: (number of points started, seconds of each point that succeeded) -> whether
                there is time for another point; the rest stays pending.
        """
        self._left = self._total = len(points)
        with self._ended_with_this(), Interrupts() as interrupts:
            for _, part in itertools.groupby(points, key=lambda point: point.number):
                pending = list(part)
                at_once = min(self._jobs, len(pending))
                while self._running or (pending and self._may(may_start)):
                    while pending and len(self._running) < at_once and self._may(may_start):
                        self._start(pending.pop(0), at_once)
                    time.sleep(TICK)
                    self._finish()
                    interrupts.heed()

    def _may(self, may_start: Callable[[int, Sequence[float]], bool]) -> bool:
        return may_start(len(self._running) + len(self._seconds), self._done)

    def _start(self, point: Point, at_once: int) -> None:
        run_id = self._runs.open_child(point.part.sweep, point.name)
        self._states.record(point, run_id=run_id, error="", seconds="", code_version=code_version())
        variables = {RUN_NAME: point.name, **({RUN_ID: run_id} if run_id else {})}
        if at_once > 1 and THREADS not in os.environ:
            variables[THREADS] = str(max(1, (os.cpu_count() or 1) // at_once))
        options = [*point.options, *joining(point, self._addresses)]
        session = Session(self._project, self._states.log(point), options, variables)
        self._running.append(_Running(point, session, run_id))

    def _finish(self) -> None:
        for running in list(self._running):
            status = running.session.status()
            if status is None:
                continue
            self._running.remove(running)
            self._left -= 1
            point, seconds = running.point, running.session.seconds
            self._seconds.append(seconds)
            error = running.session.error() if status else ""
            if not status:
                write_places(self._states.folder(point), point.name, point.places())
                error = self._keep(point)
            self._done += [] if error else [seconds]
            self._runs.settle_child(running.run_id, "FAILED" if error else "FINISHED", error)
            self._states.record(
                point, status=FAILED if error else DONE, seconds=round(seconds, 1), error=error
            )
            self._report(self._line(point, seconds, error))

    def _keep(self, point: Point) -> str:
        """Copy the files that the part keeps; return an error message, empty if all went well."""
        for entry, file in point.part.keep.items():
            source, target = self._project / point.loader.place(entry), self._project / file
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
            except OSError as error:
                return f"{entry} is not kept: {error}"
        return ""

    def _line(self, point: Point, seconds: float, error: str) -> str:
        state = (
            f"failed after {in_words(seconds)}: {error}"
            if error
            else f"done in {in_words(seconds)}"
        )
        ahead = sum(self._seconds) / len(self._seconds) * self._left / self._jobs
        more = f"; about {in_words(ahead)} to go" if self._left else ""
        done = self._total - self._left
        return f"[{done}/{self._total}] {self._states.label(point)}: {state}{more}"

    @contextmanager
    def _ended_with_this(self) -> Iterator[None]:
        """Stop the sessions if this process is interrupted or fails."""
        try:
            yield
        finally:
            for running in self._running:
                running.session.interrupt()
            for running in self._running:
                running.session.wait()
            for running in self._running:
                self._runs.settle_child(running.run_id, "KILLED")


class Interrupts:
    """Context that delays Ctrl-C and SIGTERM until `heed`; a second one is raised at once."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._asked = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._keep)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def heed(self) -> None:
        """Raise the interrupt that was delayed, if there was one.

        Raises:
            KeyboardInterrupt: If there was an interrupt.
        """
        if self._asked:
            raise KeyboardInterrupt

    def _keep(self, number: int, frame: object) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
