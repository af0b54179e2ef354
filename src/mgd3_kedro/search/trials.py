"""Trials of candidates: runs on a part of the train images that is held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.counting import count
from mgd3_kedro.datasets.result_tables import read_table
from mgd3_kedro.plain_errors import EXPECTED, describe_error
from mgd3_kedro.points import DONE, FAILED
from mgd3_kedro.search.candidates import Candidate
from mgd3_kedro.search.halving import FEWEST, better_half, rounds
from mgd3_kedro.splitting import Text
from mgd3_kedro.sweep.checks import check_fully
from mgd3_kedro.sweep.clusters import shared_clusters
from mgd3_kedro.sweep.loop import Loop
from mgd3_kedro.sweep.plan import Point, plan_points
from mgd3_kedro.sweep.runs import SweepRuns
from mgd3_kedro.sweep.states import States

ROWS, ACCURACY = "result_rows", "top1_last"


@dataclass
class Budget:
    """The time that is given.

    Args:
        seconds: All of it; what earlier commands have spent on the same trials counts.
        jobs: Trials side by side.
    """

    seconds: float
    jobs: int
    spent_before: float = 0.0
    taken: list[float] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - self.spent_before / self.jobs - (time.monotonic() - self._begun)

    def suffices(self, seconds: Sequence[float] = (), later: int = 0) -> bool:
        """Return whether another trial, and the run of the winner, come to their end in time.

        Args:
            seconds: What trials took, beside those that are known.
            later: Trials after it that time is left for, too.
        """
        known = [*self.taken, *seconds]
        # The first ones make what the others share, as latents; the winner makes its own, of all
        # train images.
        usual = max(known[self.jobs :] or known, default=0.0)
        return self.left > usual * (1 + -(-later // self.jobs)) + max(known, default=0.0)


@dataclass
class Trials:
    """The trials of some candidates, which later commands go on with.

    Args:
        loader: Configuration without parameters of a run.
        candidates: Name -> candidate.
        given: Full name -> value, of every trial.
        name: Of the search: a folder, with one for each seed in it.
        budget: The time.
        report: Prints a line.
    """

    loader: ProjectConfigLoader
    candidates: Mapping[str, Candidate]
    given: Mapping[str, Text]
    name: str
    budget: Budget
    report: Callable[[str], None]
    scores: dict[str, list[float]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    planned: dict[int, dict[str, Point]] = field(default_factory=dict)

    def check(self) -> None:
        """Find out which candidates are possible with these images and this model.

        Raises:
            ValueError: If none is.
        """
        for name in self.candidates:
            try:
                point = self._plan(name, self.name, 0)
                # All have the same images.
                check_fully(point, compare_images=not self.points)
            except EXPECTED as error:
                self.refused[name] = describe_error(error)
            else:
                self.points[name] = point
                self.scores[name] = []
        if not self.points:
            first, told = next(iter(self.refused.items()))
            raise ValueError(
                f"best: expected a candidate that can be tried, got none; {first}: {told}"
            )

    def recall(self, root: Path) -> None:
        """Take up what earlier commands have spent, on whichever data set.

        Args:
            root: Folder of all sweeps.
        """
        for seed in chain.from_iterable(rounds()):
            if (root / self._sweep(seed)).is_dir():
                states = States(root, [*self._plan_all(seed).values()])
                done = [float(states.fact(one, "seconds")) for one in states.with_status(DONE)]
                self.budget.taken += done
                self.budget.spent_before += sum(done)

    def run(self, names: Sequence[str], seed: int, runs: SweepRuns, root: Path) -> None:
        """Try candidates with a seed, as many as there is time for, in this order.

        What earlier commands have tried is read, whatever the time.

        Args:
            names: Of candidates.
            seed: Of the data set.
            runs: The MLflow runs.
            root: Folder of all sweeps.
        """
        if not names:
            return
        project = self.loader.project
        # All of them, whoever is left: a table of states loses no point.
        points = self._plan_all(seed)
        states = States(root, [*points.values()])
        chosen = {name: points[name] for name in names}
        pending = [one for one in chosen.values() if states.fact(one, "status") != DONE]
        states.folder(next(iter(points.values()))).mkdir(parents=True, exist_ok=True)
        states.write()
        jobs, before = self.budget.jobs, len(chosen) - len(pending)

        def may_start(begun: int, seconds: Sequence[float]) -> bool:
            tried = before + begun
            if seed == 0 and tried < FEWEST:
                # How long one takes is not known yet, and one alone is no comparison.
                return self.budget.left > 0
            # One data set decides little: the first round leaves time for another of each that
            # goes on, the better half and the best of a kind.
            later = better_half(tried + 1) + 1 if seed == 0 else 0
            return self.budget.suffices(seconds, later)

        if pending and may_start(0, ()):
            self.report(f"data set {seed + 1}: {count(len(pending), 'candidate')}")
        with shared_clusters(pending, jobs) as addresses:
            loop = Loop(project, states, runs, jobs, addresses, self.report)
            loop.run(pending, may_start)
        for name, point in chosen.items():
            status = states.fact(point, "status")
            if status == DONE:
                self.seconds[name] = float(states.fact(point, "seconds"))
                if point in pending:
                    self.budget.taken.append(self.seconds[name])
                self.scores[name].append(read_accuracy(project / point.loader.place(ROWS)))
            elif status == FAILED:
                self.refused[name] = states.fact(point, "error")

    def _sweep(self, seed: int) -> str:
        return f"{self.name}/seed{seed}"

    def _plan_all(self, seed: int) -> dict[str, Point]:
        if seed not in self.planned:
            sweep = self._sweep(seed)
            self.planned[seed] = {name: self._plan(name, sweep, seed) for name in self.points}
        return self.planned[seed]

    def _plan(self, name: str, sweep: str, seed: int) -> Point:
        # Each alone: points of one list with others would wait for those before.
        (point,) = plan_points(self.loader, [self.candidates[name].trial(sweep, self.given, seed)])
        return point


def read_accuracy(path: Path) -> float:
    """Return the mean accuracy of the trainings on a data set, in percent; 0 if all diverged."""
    accuracies = read_table(path)[ACCURACY].dropna()
    return float(accuracies.mean()) if len(accuracies) else 0.0
