"""The order of the work: several points at a time, and nothing made by two of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.durations import in_words
from mgd3_kedro.points import DONE, FAILED, PENDING, write_places
from mgd3_kedro.sweep.ledger import Ledger
from mgd3_kedro.sweep.plan import Plan, PlannedPoint, Work
from mgd3_kedro.sweep.runs import SweepRuns
from mgd3_kedro.sweep.sessions import Session
from mgd3_kedro.version import code_version

TICK, LOOK = 0.1, 2.0
"""Seconds between looks at the processes, and at the runs."""
RUN_NAME, RUN_ID, THREADS = "MGD3_RUN_NAME", "MLFLOW_RUN_ID", "OMP_NUM_THREADS"


def work_left(point: PlannedPoint, made: set[Work]) -> list[Work]:
    """Return what a point has to do where other points have made something already.

    Source: ours.
    """
    # A point that is all made is still a session of its own, which finds that out by itself.
    return [work for work in point.work if work not in made] or list(point.work)


@dataclass
class _Running:
    point: PlannedPoint
    session: Session
    run_id: str
    work: list[Work]


class Schedule:
    """Runs the points that are pending.

    Args:
        plan: The sweep.
        ledger: Where states are noted.
        runs: The MLflow runs.
        jobs: Points at a time.
        report: Prints a line.
    """

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        runs: SweepRuns,
        jobs: int,
        report: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._runs = runs
        self._jobs = jobs
        self._report = report
        pending = set(ledger.with_status(PENDING))
        self._pending = [point for point in plan.points if point.name in pending]
        self._running: list[_Running] = []
        self._made: set[Work] = set()
        self._seconds: list[float] = []
        self._looked = 0.0

    def run(self) -> None:
        """Run all, each as soon as nothing it needs is in the making.

        What fails is noted, and the others go on; an interrupt ends those that are running, which
        are pending then.
        """
        with self._ended_with_this(), Interrupts() as interrupts:
            while self._pending or self._running:
                self._start()
                self._look_for_results()
                time.sleep(TICK)
                self._finish()
                interrupts.heed()

    def _start(self) -> None:
        while len(self._running) < self._jobs and (point := self._next()):
            self._pending.remove(point)
            work = work_left(point, self._made)
            run_id = self._runs.open_child(point.name)
            self._ledger.record(
                point.name, run_id=run_id, error="", seconds="", code_version=code_version()
            )
            variables = {RUN_NAME: point.name, RUN_ID: run_id}
            if self._jobs > 1 and THREADS not in os.environ:
                variables[THREADS] = str(max(1, (os.cpu_count() or 1) // self._jobs))
            session = Session(
                self._plan.project,
                self._plan.folder / point.name,
                self._plan.options(point, [name for name, _ in work]),
                variables,
            )
            self._running.append(_Running(point, session, run_id, work))

    def _next(self) -> PlannedPoint | None:
        """Return the first point that shares nothing with what is in the making."""
        making = {work for running in self._running for work in running.work} - self._made
        for point in self._pending:
            if making.isdisjoint(work_left(point, self._made)):
                return point
        return None

    def _look_for_results(self) -> None:
        """Note what sessions at work are through with, where another one waits for it."""
        waiting = self._pending and len(self._running) < self._jobs
        if not waiting or time.monotonic() - self._looked < LOOK:
            return
        for running in self._running:
            finished = self._runs.finished_nodes(running.run_id)
            self._made |= {work for work in running.work if work[0] in finished}
        self._looked = time.monotonic()

    def _finish(self) -> None:
        for running in list(self._running):
            status = running.session.status()
            if status is None:
                continue
            self._running.remove(running)
            seconds = running.session.seconds
            self._seconds.append(seconds)
            if status == 0:
                self._made |= set(running.work)
                places = self._plan.places(running.point.params)
                write_places(self._plan.folder, running.point.name, places)
            error = running.session.error() if status else ""
            self._runs.settle_child(running.run_id, "FAILED" if status else "FINISHED", error)
            self._ledger.record(
                running.point.name,
                status=FAILED if status else DONE,
                seconds=round(seconds, 1),
                error=error,
            )
            self._report(self._line(running.point.name, seconds, error))

    def _line(self, name: str, seconds: float, error: str) -> str:
        total = len(self._plan.points)
        left = len(self._pending) + len(self._running)
        state = (
            f"failed after {in_words(seconds)}: {error}"
            if error
            else (f"done in {in_words(seconds)}")
        )
        ahead = sum(self._seconds) / len(self._seconds) * left / self._jobs
        more = f"; about {in_words(ahead)} to go" if left else ""
        return f"[{total - left}/{total}] {name}: {state}{more}"

    @contextmanager
    def _ended_with_this(self) -> Iterator[None]:
        """End the sessions when this process is interrupted, or fails."""
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
    """Keeps Ctrl-C and SIGTERM until it is the time; the second one is not kept."""

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
        """Raise what was kept.

        Raises:
            KeyboardInterrupt: If there was an interrupt.
        """
        if self._asked:
            raise KeyboardInterrupt

    def _keep(self, number: int, frame: object) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
