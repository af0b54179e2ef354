"""Command line options and help text of `kedro best`."""

from __future__ import annotations

import click

from mgd3_kedro.sweep.options import JOBS

BEST_OPTIONS = (
    click.Option(
        ["--minutes"],
        type=float,
        default=60.0,
        show_default=True,
        help=(
            "Time for all trials together, including what earlier commands spent on the same "
            "trials."
        ),
    ),
    JOBS,
)
BEST_HELP = """Try methods on held-out train images, then distil with the best one.

\b
kedro best --env custom --params data=/path/to/images,ipc=10 --minutes 60

The candidates are those of conf/*/best.yml: methods that draw images, with a few of their knobs,
and methods that keep real ones. Each makes a data set of a part of the train images, and networks
that are trained on it classify the rest: no test image is read. The better half goes on to another
data set, its better half to two more, then four, as long as there is time. The winner then distils
all train images.

data/08_reporting/BENCHMARK/sweeps/best-ipcN-... has best.md, with what was tried and by how much
the winner is ahead, and the same as a table, tried.csv. Give the same command again to go on, as
with more minutes: trials that are done are not repeated.
"""
