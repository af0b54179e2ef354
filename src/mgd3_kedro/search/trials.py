"""Trials of candidates: runs that are tested on a held-out part of the train images."""

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
    """Time budget of a search.

    Args:
        seconds: Total time in seconds, including time that earlier commands spent on the same
            trials.
        jobs: Number of trials that run at the same time.
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
        """Return whether another trial and the winner's run are likely to finish in time.

        Args:
            seconds: Seconds of finished trials that are not in `taken` yet.
            later: Number of further trials to leave time for.
        """
        known = [*self.taken, *seconds]
        # The first trials also make what the others share, such as latents, and so take longer. So
        # does the winner's run, which makes its own from all train images.
        usual = max(known[self.jobs :] or known, default=0.0)
        return self.left > usual * (1 + -(-later // self.jobs)) + max(known, default=0.0)


@dataclass
class Trials:
    """Trials of some candidates; later commands continue them.

    Args:
        loader: Configuration without parameters of a run.
        candidates: Name -> candidate.
        given: Full name -> value, for every trial.
        name: Name of the search, which is a folder with one folder per seed.
        budget: Time budget.
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
            ValueError: If no candidate is possible.
        """
        for name in self.candidates:
            try:
                point = self._plan(name, self.name, 0)
                # All candidates have the same images, so they are compared only once.
                check_fully(point, compare_images=not self.points)
            except EXPECTED as error:
                self.refused[name] = describe_error(error)
            else:
                self.points[name] = point
                self.scores[name] = []
        if not self.points:
            first, told = next(iter(self.refused.items()))
            raise ValueError(
                f"best: expected at least one candidate that can run, got none; {first}: {told}"
            )

    def recall(self, root: Path) -> None:
        """Count the time that earlier commands spent on all data sets in the budget.

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
        """Run the trials of candidates with a seed, in this order, as long as there is time.

        Results of earlier commands are read even if no time is left.

        Args:
            names: Names of the candidates.
            seed: Seed of the data set.
            runs: The MLflow runs.
            root: Folder of all sweeps.
        """
        if not names:
            return
        project = self.loader.project
        # All candidates, even those that are out: a file of states must keep all its points.
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
                # The time of a trial is not known yet, and a comparison needs at least two.
                return self.budget.left > 0
            # One data set decides little. So the first round leaves time for a second one of each
            # candidate that goes on: the better half, and the best of another kind.
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
        # Plan each point alone: in a list, it would depend on the points before it.
        (point,) = plan_points(self.loader, [self.candidates[name].trial(sweep, self.given, seed)])
        return point


def read_accuracy(path: Path) -> float:
    """Return the mean accuracy of the trainings on a data set, in percent; 0 if all diverged."""
    accuracies = read_table(path)[ACCURACY].dropna()
    return float(accuracies.mean()) if len(accuracies) else 0.0
