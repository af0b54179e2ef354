"""What to do after a sweep: the commands that show its accuracies."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from mgd3_kedro.run_names import DEFAULT_ENV
from mgd3_kedro.sweep.kept_rows import MADE
from mgd3_kedro.sweep.plan import Point

COMPARED = ("benchmark", "split")
"""Parameters that choose the rows that are compared."""


def tell_accuracies(points: Iterable[Point]) -> str:
    """Return the commands that show the accuracies of finished points; empty if there are none."""
    trained = [one for one in points if any(map(_has_rows, one.nodes.all_outputs()))]
    tables = "; ".join(dict.fromkeys(map(_compare, trained)))
    return f"accuracies: kedro results; tables of them: {tables}" if tables else ""


def _has_rows(entry: str) -> bool:
    # Those of trainings on all real images have a namespace.
    return entry.rpartition(".")[2] == MADE


def _compare(point: Point) -> str:
    """Return the command that makes tables of the benchmark and split of a point."""
    run, usual, env = point.loader["parameters"], point.loader.of_environment, point.loader.env_name
    given = [f"{name}={run[name]}" for name in COMPARED if run[name] != usual[name]]
    return shlex.join(
        [
            *("kedro", "run"),
            *([f"--env={env}"] if env != DEFAULT_ENV else []),
            "--pipelines=compare",
            *(["--params", ",".join(given)] if given else []),
        ]
    )
