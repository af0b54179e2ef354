"""Commands of the project, with errors in one line: `run`, `sweep`, `fetch-data` and others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from mgd3_kedro.known_options import check_parts, check_pipelines, check_place
from mgd3_kedro.node_names import NODE_OPTIONS, with_stages
from mgd3_kedro.plain_errors import plain_errors
from mgd3_kedro.run_names import DEFAULT, DEFAULT_ENV
from mgd3_kedro.search.options import BEST_HELP, BEST_OPTIONS
from mgd3_kedro.splitting import split_parameters
from mgd3_kedro.sweep.options import SWEEP_HELP, SWEEP_OPTIONS

SWEPT = ("env", "params", "pipelines", "tags", "node_names", "from_nodes", "to_nodes")
"""Options that `sweep` shares with `run`."""
SEARCHED = ("env", "params")
"""Options that `best` shares with `run`."""
ESTIMATED = ("env", "params", "pipelines")
"""Options that `estimate` shares with `run`."""


@click.group(name="mgd3_kedro")
def cli() -> None:
    """Commands of the project."""


class ParametersCommand(click.Command):
    """A command whose `--params` may be given several times; Kedro's keep only the last."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line after joining the values of all `--params`."""
        others, values, rest = [], [], iter(args)
        for word in rest:
            name, is_joined, value = word.partition("=")
            if name != "--params":
                others.append(word)
            elif value := value if is_joined else next(rest, ""):
                values.append(value)
        joined = ["--params", ",".join(values)] if values else []
        return super().parse_args(ctx, others + joined)


def _read_params(context: click.Context, option: click.Parameter, value: Any) -> Any:
    # `kedro run --config=FILE` gives parameters that are nested already.
    if isinstance(value, Mapping):
        return dict(value)
    with plain_errors():
        return split_parameters([value] if value else [])


def _with_own_params(options: Iterable[click.Parameter]) -> list[click.Parameter]:
    """Return copies of Kedro's options, of which `--params` keeps values as unparsed text."""
    own = [copy(option) for option in options]
    for option in own:
        if option.name == "params":
            option.callback = _read_params
        elif option.name == "env" and isinstance(option, click.Option):
            option.help = f"Kedro configuration environment name. Defaults to `{DEFAULT_ENV}`."
    return own


def _run(**options: Any) -> Any:
    from mgd3_kedro.pipeline_registry import nodes_of, register_pipelines
    from mgd3_kedro.runs import run_or_tell

    asked = options["pipelines"] or [options["pipeline"] or DEFAULT]
    with plain_errors():
        check_place(options["env"], options["runner"], Path.cwd() / "conf")
        check_pipelines(asked, register_pipelines())
        known = nodes_of(asked)
        check_parts(options, known)
        names = {node.name for node in known}
        given = [name for name in NODE_OPTIONS if options.get(name)]
        options |= {name: with_stages(options[name], names) for name in given}
        return run_or_tell(kedro_run.callback, options)  # type: ignore[arg-type]


cli.add_command(
    ParametersCommand(
        "run", params=_with_own_params(kedro_run.params), callback=_run, help=kedro_run.help
    )
)


def _sweep(
    sweep: str | None,
    over: Sequence[str],
    name: str | None,
    jobs: int,
    dry_run: bool,
    env: str | None,
    params: Mapping[str, Any],
    **options: Sequence[str],
) -> None:
    from mgd3_kedro.sweep.command import Request, run_sweep

    request = Request(sweep, over, name, params, env, options)
    with plain_errors():
        complete = run_sweep(request, jobs, dry_run, click.echo)
    raise SystemExit(0 if complete else 1)


cli.add_command(
    ParametersCommand(
        "sweep",
        params=[
            *SWEEP_OPTIONS,
            *_with_own_params(one for one in kedro_run.params if one.name in SWEPT),
        ],
        callback=_sweep,
        help=SWEEP_HELP,
    )
)


def _best(minutes: float, jobs: int, env: str | None, params: Mapping[str, Any]) -> None:
    from mgd3_kedro.search.command import run_search

    with plain_errors():
        run_search(env, params, minutes, jobs, click.echo)


cli.add_command(
    ParametersCommand(
        "best",
        params=[
            *BEST_OPTIONS,
            *_with_own_params(one for one in kedro_run.params if one.name in SEARCHED),
        ],
        callback=_best,
        help=BEST_HELP,
    )
)


@cli.command("results")
@click.argument("words", nargs=-1)
def results_command(words: tuple[str, ...]) -> None:
    """List the results of all runs, newest first.

    WORDS: list only results that contain all these words, e.g. `kedro results mgd3 ipc10`.
    """
    from mgd3_kedro.listings.results import list_results

    with plain_errors():
        for line in list_results(Path.cwd(), words):
            click.echo(line)


@cli.command("methods")
def methods_command() -> None:
    """List what can be chosen: methods, mode finders, networks, protocols, benchmarks."""
    from mgd3_kedro.listings.members import list_members
    from mgd3_kedro.runs import load_methods

    with plain_errors():
        for line in list_members(Path.cwd(), load_methods(Path.cwd())):
            click.echo(line)


def _estimate(**options: Any) -> None:
    from mgd3_kedro.pipeline_registry import register_pipelines
    from mgd3_kedro.runs import estimate

    with plain_errors():
        check_place(options["env"], None, Path.cwd() / "conf")
        check_pipelines(options["pipelines"] or (), register_pipelines())
        for line in estimate(options):
            click.echo(line)


cli.add_command(
    ParametersCommand(
        "estimate",
        params=_with_own_params(one for one in kedro_run.params if one.name in ESTIMATED),
        callback=_estimate,
        help="Show what `kedro run` would do and how long it may take, and run nothing.",
    )
)


@cli.command("track")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def track_command(files: tuple[Path, ...]) -> None:
    """Log runs whose MLflow server did not answer.

    FILES: files of such runs in .mgd3/untracked, to log to the configured store; by default all
    files for this store. The next run logs these, too.
    """
    from kedro.framework.session import KedroSession

    from mgd3_kedro.tracking.opening import log_waiting

    with plain_errors(), KedroSession.create() as session:
        logged = log_waiting(session.load_context(), files)  # type: ignore[attr-defined]
        click.echo(f"logged: {', '.join(logged) or 'nothing, as no run waits'}")


@cli.command("convert-model")
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
def convert_model_command(source: str, target: Path) -> None:
    """Turn a model with pickled weights into a folder that `kedro run` reads.

    SOURCE is a folder in diffusers' format or its id on the Hugging Face hub, whose weights are
    *.bin files, or a checkpoint of class-conditional latent diffusion (model.ckpt). TARGET is the
    folder to make. No code from the pickles is run.
    """
    from mgd3_kedro.backbones.conversion import convert_model, refuse_existing
    from mgd3_kedro.datasets.hub import PICKLED_FILES, find_model

    with plain_errors():
        refuse_existing(target)
        convert_model(find_model(source, Path.cwd(), PICKLED_FILES), target)
    click.echo(
        f"{target} is complete; sample from it with --params backbone=NAME,model={target}, where "
        "NAME is dit, latent_diffusion or stable_diffusion, as the model is"
    )


@cli.command("fetch-data")
@click.option("--env", required=True, help="The environment, which names the benchmark.")
def fetch_data_command(env: str) -> None:
    """Download the images of a benchmark, or say where to get them.

    An interrupted download continues where it stopped. Downloaded files are verified.
    """
    from kedro.framework.session import KedroSession

    from mgd3_kedro.datasets.download import fetch_images

    with plain_errors(), KedroSession.create(env=env) as session:
        context = session.load_context()  # type: ignore[attr-defined]
        shared = context.config_loader["parameters"]
        source, folder = shared["fetch"], context.project_path / "data/01_raw" / shared["benchmark"]
        if source["url"]:
            fetch_images(source["url"], source["md5"], folder)
            click.echo(f"the images are in {folder}")
        click.echo(source["note"])
