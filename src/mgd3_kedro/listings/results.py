"""The results of all runs in one table, newest first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mgd3_kedro.datasets.result_tables import read_table
from mgd3_kedro.listings import WIDTH
from mgd3_kedro.points import REPORTS

if TYPE_CHECKING:
    import pandas as pd

ROWS = "result_rows.csv"
WHEN, SCORE = "%m-%d %H:%M", len("100.0 ± 10.0 (20)")


class Result(NamedTuple):
    """Trainings of one network on the images of one run.

    Args:
        when: Time at which they were finished.
        what: Benchmark, images and training, in words.
        network: Name of the network.
        score: Mean and population standard deviation of `top1_last`, and the number of trainings.
    """

    when: datetime
    what: str
    network: str
    score: str

    def as_lines(self) -> list[str]:
        """Return the result as lines of 80 columns."""
        width = WIDTH - len("00-00 00:00") - SCORE - 2
        first, *rest = textwrap.wrap(f"{self.what} {self.network}", width)
        indent = " " * (WIDTH - width - SCORE - 1)
        return [
            f"{self.when:{WHEN}} {first:<{width}} {self.score:>{SCORE}}",
            *(indent + line for line in rest),
        ]


def list_results(project: Path, words: Sequence[str] = ()) -> Iterator[str]:
    """Yield lines on the results of all runs, newest first.

    Args:
        project: Folder of the project.
        words: Words that the text of a listed result contains; empty for all results.
    """
    found = [
        result for path in sorted((project / REPORTS).rglob(ROWS)) for result in read_results(path)
    ]
    asked = [word.lower() for word in words]
    told = [one for one in found if all(word in " ".join(one[1:3]).lower() for word in asked)]
    if not told:
        yield f"no results{f' with {chr(32).join(words)}' if words else ' yet'}; {_how(len(found))}"
        return
    width = WIDTH - len("00-00 00:00") - SCORE - 2
    yield f"{'finished':<11} {'run and network':<{width}} {'top1_last':>{SCORE}}"
    for result in sorted(told, key=lambda one: one.when, reverse=True):
        yield from result.as_lines()


def read_results(path: Path) -> Iterator[Result]:
    """Yield the results in a table of rows.

    Args:
        path: Path of the table; its modification time is taken as the end of the trainings.
    """
    rows = read_table(path).fillna({"settings": ""})
    when = datetime.fromtimestamp(path.stat().st_mtime)
    for network, of_network in rows.groupby("network", sort=False):
        yield Result(when, _what(of_network.iloc[0]), str(network), _score(of_network))


def _what(row: pd.Series) -> str:
    words = [
        f"{row['benchmark']}/{row['split']}",
        f"ipc{row['ipc']}",
        row["method"],
        f"seed{row['seed']}",
        f"{row['protocol']}-{row['preset']}",
        row["settings"],
    ]
    return " ".join(str(word) for word in words if word)


def _score(rows: pd.DataFrame) -> str:
    values = rows["top1_last"].dropna()
    if values.empty:
        return "diverged"
    spread = f" ± {values.std(ddof=0):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread} ({len(values)})"


def _how(found: int) -> str:
    if found:
        return f"to list all {found}: kedro results"
    return "make the first with: kedro run --pipelines=distill"
