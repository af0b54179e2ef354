"""Command line options and help text of `kedro sweep`."""

from __future__ import annotations

import click

JOBS = click.Option(
    ["--jobs"],
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Number of parallel runs. With more than one, each run gets its share of the cores, "
    "unless OMP_NUM_THREADS is set; --params jobs=1 switches parallel trainings off.",
)
SWEEP_OPTIONS = (
    click.Argument(["sweep"], required=False),
    click.Option(
        ["--over"],
        multiple=True,
        metavar="KEY=V1,V2,...",
        help="A parameter and its values, written as for --params; lists in brackets. Repeat it "
        "for a grid: every value of one with every value of the others.",
    ),
    click.Option(
        ["--name"],
        help="Name of a grid of your own; made from pipelines, parameters and grid if not set.",
    ),
    JOBS,
    click.Option(
        ["--dry-run"],
        is_flag=True,
        help="List the points and their existing results, and run nothing.",
    ),
)
SWEEP_HELP = """Run pipelines at every point of a grid of parameters.

\b
kedro sweep                               lists the sweeps that conf/*/sweeps.yml has
kedro sweep methods --env mnist --jobs 2  runs one of them
kedro sweep --pipelines=distill --jobs 2 \\
  --over sampling.stop_guidance_step=50,25,0 --over seed=0,1,2   runs a grid of your own

Each point is a `kedro run` in a process of its own, and an MLflow run under one parent run. Results
are kept where such a run keeps them: what points have in common, as latents and modes, is made by
the first that needs it; the others wait for it.

Give the same command again to go on: points that are done are skipped, those that failed or were
interrupted are run. Exit status 1 means that some failed; the others are complete.

data/08_reporting/BENCHMARK/sweeps/NAME has points.csv with the state of every point, and for each
its log.
"""
