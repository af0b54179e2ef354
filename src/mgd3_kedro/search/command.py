"""Implementation of `kedro best`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.counting import count
from mgd3_kedro.durable import write_text
from mgd3_kedro.durations import in_words
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.nesting import flat
from mgd3_kedro.search.candidates import read_candidates
from mgd3_kedro.search.halving import rank, rounds, survivors
from mgd3_kedro.search.reporting import as_markdown, describe, describe_round, is_real, tabulate
from mgd3_kedro.search.trials import Budget, Trials
from mgd3_kedro.splitting import Text
from mgd3_kedro.sweep.command import alone, folder_of_sweeps, open_project, open_runs
from mgd3_kedro.sweep.parts import SweepPart, as_text
from mgd3_kedro.sweep.plan import plan_points
from mgd3_kedro.sweep.runs import SweepRuns
from mgd3_kedro.sweep.sessions import Session

MINUTE = 60
MADE, TESTED, IMAGES = "generate", "distill", "distilled_images"


def run_search(
    env: str | None,
    params: Mapping[str, Any],
    minutes: float,
    jobs: int,
    report: Callable[[str], None],
) -> None:
    """Try methods on held-out train images for some time, then distil with the best.

    Args:
        env: The environment; None for the default one.
        params: Parameters of all runs, nested.
        minutes: Time for the trials and the winner's run, in minutes.
        jobs: Number of trials that run at the same time.
        report: Prints a line.

    Raises:
        ValueError: If a setting is not valid, before any work starts, or if no trial or the
            winner's run succeeds.
    """
    check_count("--jobs", jobs)
    check_range("--minutes", minutes, 0, low_open=True)
    given = {key: as_text(value) for key, value in flat(params).items()}
    context, loader = open_project(env)
    candidates, shared = read_candidates(loader["best"], given)
    run = loader.with_parameters(params)
    run.check()
    root = context.project_path / folder_of_sweeps(run)
    # Every different search has a folder of its own.
    content = digest(json.dumps([loader.env_name, shared, sorted(candidates)], sort_keys=True))
    name = f"best-ipc{run['parameters']['ipc']}-{content[:8]}"
    budget = Budget(minutes * MINUTE, jobs)
    trials = Trials(loader, candidates, shared, name, budget, report)
    with alone(root, [name]):
        _search(trials, open_runs(context, run, {}), root)
        _tell(trials, root / name)
        _distil(trials, given, root / name)


def _search(trials: Trials, runs: SweepRuns, root: Path) -> None:
    tried = count(len(trials.candidates), "candidate")
    trials.report(f"{trials.name}: {tried}; logs in {root / trials.name}")
    trials.check()
    for told in dict.fromkeys(trials.refused.values()):
        names = ", ".join(name for name, why in trials.refused.items() if why == told)
        trials.report(f"not possible: {names}: {told}")
    trials.recall(root)
    kinds = {name: is_real(trials, name) for name in trials.points}
    left, killed = list(trials.points), True
    try:
        for seeds in rounds():
            for seed in seeds:
                known = [name for name in left if len(trials.scores[name]) == seed]
                trials.run(known, seed, runs, root)
            for sentence in describe_round({name: trials.scores[name] for name in left}, seeds):
                trials.report(sentence)
            left = survivors({name: trials.scores[name] for name in left}, kinds)
            if len(left) <= 1:
                break
        killed = False
    finally:
        runs.close([], killed=killed)


def _tell(trials: Trials, folder: Path) -> None:
    if not rank(trials.scores):
        is_refused = trials.refused.keys() == trials.candidates.keys()
        first = (
            next(iter(trials.refused.values()))
            if is_refused
            else "there was too little time; raise --minutes"
        )
        raise ValueError(f"{trials.name}: expected at least one finished trial, got none; {first}")
    table = tabulate(trials)
    sentences = list(describe(trials))
    write_text(folder / "tried.csv", table.to_csv(index=False))
    parts = [f"# {trials.name}", *sentences, "\n".join(as_markdown(table))]
    write_text(folder / "best.md", "\n\n".join(parts) + "\n")
    for sentence in sentences:
        trials.report(sentence)
    trials.report(f"all trials: {folder / 'best.md'}")


def _distil(trials: Trials, given: Mapping[str, Text], folder: Path) -> None:
    """Distil all train images with the winner."""
    winner = trials.candidates[rank(trials.scores)[0]]
    shared = {key: value for key, value in given.items() if key not in winner.values}
    part = SweepPart(trials.name, {"pipelines": MADE}, {**shared, **winner.values}, {})
    (point,) = plan_points(trials.loader, [part])
    trials.report(f"distilling all train images: {point.command}")
    project = trials.loader.project
    session = Session(project, folder / "winner.log", point.options, {})
    if session.finish():
        raise ValueError(f"{session.error()} ({folder / 'winner.log'})")
    trials.report(f"done in {in_words(session.seconds)}: {point.loader.place(IMAGES)}")
    tested = point.command.replace(f"--pipelines={MADE}", f"--pipelines={TESTED}", 1)
    trials.report(f"to evaluate them on test images: {tested}")
