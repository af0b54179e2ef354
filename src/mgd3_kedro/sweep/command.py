"""Implementation of `kedro sweep`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession

from mgd3_kedro.checks import check_count, check_name
from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.durations import in_words
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.nesting import flat
from mgd3_kedro.points import DONE, FAILED, PENDING, REPORTS
from mgd3_kedro.sweep.advice import tell_accuracies
from mgd3_kedro.sweep.checks import check_fully, check_points
from mgd3_kedro.sweep.clusters import shared_clusters
from mgd3_kedro.sweep.kept_rows import KeptRows
from mgd3_kedro.sweep.loop import Loop
from mgd3_kedro.sweep.parts import SweepPart, read_axes, read_parts
from mgd3_kedro.sweep.plan import Point, plan_points
from mgd3_kedro.sweep.runs import SweepRuns
from mgd3_kedro.sweep.states import States
from mgd3_kedro.tracking.opening import address_of

DEFAULT = "distill"
"""Pipeline that is run if none is named."""


@dataclass(frozen=True)
class Request:
    """Arguments of `kedro sweep`.

    Args:
        sweep: Name of a configured sweep; None for a grid of the user's own.
        over: Axes of the user's own grid, as texts.
        name: Name of the user's own grid; None to name it after the pipelines and the axes.
        params: Parameters of all points, nested.
        env: The environment; None for the default one.
        options: Option of `kedro run` -> names, for the user's own grid.
    """

    sweep: str | None
    over: Sequence[str]
    name: str | None
    params: Mapping[str, Any]
    env: str | None
    options: Mapping[str, Sequence[str]]


def run_sweep(request: Request, jobs: int, dry_run: bool, report: Callable[[str], None]) -> bool:
    """Run every point that is not done yet; without a name and axes, list the known sweeps.

    Args:
        request: Arguments of the command.
        jobs: Number of points that run at the same time.
        dry_run: Whether to report what would be done, and do nothing.
        report: Prints a line.

    Returns:
        Whether all points are done or have their rows in a kept table.

    Raises:
        ValueError: If a setting is not valid, before any work starts; the message names it.
    """
    check_count("--jobs", jobs)
    context, loader = open_project(request.env)
    if not request.sweep and not request.over:
        sweeps = loader["sweeps"]
        width = max(map(len, sweeps))
        for name in sweeps:
            report(f"{name:<{width}}  {sweeps[name]['about']}")
        return True
    parts = _parts(request, loader)
    points = plan_points(loader, parts)
    root = folder_of_sweeps(points[0].loader)
    states = States(context.project_path / root, points, is_own_grid=not request.sweep)
    kept = KeptRows(context.project_path)
    known = [one for one in states.with_status(PENDING) if kept.have(one)]
    check_points(points, context.project_path, known)
    name = request.sweep or parts[0].sweep
    if dry_run:
        report(f"{name}: {len(points)} points")
        for point in points:
            told = _describe(point, states, context.project_path)
            told += f"; rows are in {point.part.rows}" if point in known else ""
            report(f"{states.label(point)}: {told}")
        return True
    with alone(context.project_path / root, states.sweeps):
        pending = [one for one in states.with_status(PENDING) if one not in known]
        place = root if len(states.sweeps) > 1 else root / states.sweeps[0]
        before = f"{len(states.with_status(DONE))} done before"
        before += f", {len(known)} whose rows are kept" if known else ""
        report(f"{name}: {len(points)} points, {before}; logs in {place}")
        if pending:
            check_fully(pending[0])
            states.write()
            runs = open_runs(context, points[0].loader, _grids(parts))
            with shared_clusters(pending, jobs) as addresses:
                loop = Loop(context.project_path, states, runs, jobs, addresses, report)
                _run(loop, runs, states, pending)
        for point in states.with_status(FAILED):
            log = states.log(point).relative_to(context.project_path)
            report(f"failed: {states.label(point)}: {states.fact(point, 'error')} ({log})")
        done = states.with_status(DONE)
        if told := tell_accuracies(one for one in pending if one in done):
            report(told)
    return len(done) + len(known) == len(points)


def open_project(env: str | None) -> tuple[KedroContext, ProjectConfigLoader]:
    """Return the project of the working directory, and its configuration without a run's settings.

    Args:
        env: The environment; None for the default one.
    """
    with KedroSession.create(env=env) as session:
        context: KedroContext = session.load_context()  # type: ignore[attr-defined]
    loader: ProjectConfigLoader = context.config_loader  # type: ignore[assignment]
    return context, loader


def folder_of_sweeps(loader: ProjectConfigLoader) -> Path:
    """Return the folder of all sweeps of a run's benchmark, relative to the project."""
    return Path(REPORTS, loader["parameters"]["benchmark"], "sweeps")


def open_runs(
    context: KedroContext, loader: ProjectConfigLoader, grids: Mapping[str, Mapping[str, str]]
) -> SweepRuns:
    """Return the MLflow runs for sweeps of a run's benchmark, in the project's experiment."""
    experiment = context.config_loader["mlflow"]["tracking"]["experiment"]["name"]
    benchmark = str(loader["parameters"]["benchmark"])
    return SweepRuns(address_of(context), experiment, benchmark, grids)


def _run(loop: Loop, runs: SweepRuns, states: States, points: Sequence[Point]) -> None:
    killed = True
    try:
        loop.run(points)
        killed = False
    finally:
        failed = {point.part.sweep for point in states.with_status(FAILED)}
        runs.close(failed, killed=killed)


def _describe(point: Point, states: States, project: Path) -> str:
    """Return the settings that identify a point, and which of its results exist."""
    told = [" ".join(point.words()) or "as configured"]
    if found := point.found(project):
        told.append(f"there already: {', '.join(found)}")
    if states.fact(point, "status") == DONE:
        told.append(f"done earlier, in {in_words(float(states.fact(point, 'seconds')))}")
    return "; ".join(told)


def _parts(request: Request, loader: ProjectConfigLoader) -> list[SweepPart]:
    given = flat(request.params)
    if request.sweep:
        if request.over or request.name or any(request.options.values()):
            raise ValueError(
                f"{request.sweep}: expected no other options than --params, --env, --jobs and "
                "--dry-run beside the name of a sweep; leave out its name for a grid of your own"
            )
        return read_parts(loader["sweeps"], request.sweep, given)
    if request.name is not None:
        check_name("--name", request.name)
    over = read_axes(request.over)
    options = {name: ",".join(names) for name, names in request.options.items() if names}
    options = {"pipelines": DEFAULT, **options}
    name = request.name
    if name is None:
        told = [options["pipelines"], *(axis.rpartition(".")[2] for axis in over)]
        content = json.dumps([request.env, options, given, over], sort_keys=True)
        name = f"{'-'.join(told).replace(',', '-')[:80]}-{digest(content)[:8]}"
    return [SweepPart(name, options, given, over)]


def _grids(parts: Sequence[SweepPart]) -> dict[str, dict[str, str]]:
    """Return sweep -> axis -> its values as one text."""
    grids: dict[str, dict[str, str]] = {part.sweep: {} for part in parts}
    for part in parts:
        grids[part.sweep] |= {axis: ", ".join(values) for axis, values in part.over.items()}
    return grids


@contextmanager
def alone(root: Path, sweeps: Sequence[str]) -> Iterator[None]:
    """Lock sweeps, so that no other process works on them at the same time.

    Args:
        root: Folder of the benchmark's sweeps.
        sweeps: Names of the sweeps.

    Raises:
        ValueError: If another process works on one of them.
    """
    with ExitStack() as locks:
        for name in sweeps:
            (root / name).mkdir(parents=True, exist_ok=True)
            try:
                locks.enter_context(FileLock(root / name / ".lock", timeout=0))
            except Timeout as error:
                raise ValueError(
                    f"{name}: expected that no other process runs this sweep, but one does; "
                    "wait until it ends"
                ) from error
        yield
