"""What `kedro sweep` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from mgd3_kedro.checks import check_count
from mgd3_kedro.durations import in_words
from mgd3_kedro.points import DONE, FAILED, PENDING, STATES
from mgd3_kedro.sweep.ledger import Ledger
from mgd3_kedro.sweep.plan import Plan, Request, Work, check_first, plan_sweep
from mgd3_kedro.sweep.runs import SweepRuns
from mgd3_kedro.sweep.schedule import Schedule, work_left


def run_sweep(
    request: Request,
    name: str | None,
    jobs: int,
    dry_run: bool,
    report: Callable[[str], None],
) -> bool:
    """Run every point that is not done yet.

    Args:
        request: What is asked for.
        name: Of the sweep; None to name it after the pipelines and the axes.
        jobs: Points at a time.
        dry_run: Whether to say what would be done instead.
        report: Prints a line.

    Returns:
        Whether all points are done.

    Raises:
        ValueError: Naming what does not fit, before any work.

    Source: ours.
    """
    check_count("--jobs", jobs)
    plan = plan_sweep(request, name)
    points = {point.name: point.values for point in plan.points}
    if dry_run:
        _describe(plan, Ledger(plan.folder / STATES, points, plan.stamp), report)
        return True
    plan.folder.mkdir(parents=True, exist_ok=True)
    with _alone(plan):
        ledger = Ledger(plan.folder / STATES, points, plan.stamp)
        done, pending = ledger.with_status(DONE), ledger.with_status(PENDING)
        place = plan.folder.relative_to(plan.project)
        report(f"{plan.name}: {len(points)} points, {len(done)} done before; logs in {place}")
        if pending:
            check_first(plan, next(point for point in plan.points if point.name == pending[0]))
            ledger.write()
            _run(plan, ledger, jobs, report)
        for failed in ledger.with_status(FAILED):
            report(f"failed: {failed}: {ledger.fact(failed, 'error')} ({place}/{failed}.log)")
        return ledger.with_status(DONE) == list(points)


def _run(plan: Plan, ledger: Ledger, jobs: int, report: Callable[[str], None]) -> None:
    grid = {axis.key: ", ".join(map(str, axis.values)) for axis in plan.axes}
    runs = SweepRuns(plan.experiment, plan.name, grid)
    end = "KILLED"
    try:
        Schedule(plan, ledger, runs, jobs, report).run()
        end = "FAILED" if ledger.with_status(FAILED) else "FINISHED"
    finally:
        runs.close(end)


def _describe(plan: Plan, ledger: Ledger, report: Callable[[str], None]) -> None:
    """Say what each point would do if one ran after the other."""
    report(f"{plan.name}: {len(plan.points)} points")
    made: set[Work] = set()
    for point in plan.points:
        if ledger.fact(point.name, "status") == DONE:
            seconds = float(ledger.fact(point.name, "seconds"))
            report(f"{point.name}: done before, in {in_words(seconds)}")
            continue
        work = work_left(point, made)
        made |= set(work)
        report(f"{point.name}: {', '.join(node for node, _ in work)}")


@contextmanager
def _alone(plan: Plan) -> Iterator[None]:
    """Refuse a second sweep of the same name at the same time."""
    lock = FileLock(plan.folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"{plan.name}: expected no other process at work on this sweep") from error
    try:
        yield
    finally:
        lock.release()
