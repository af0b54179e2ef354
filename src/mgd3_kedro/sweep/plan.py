"""What a sweep is to do: every point checked, with the folders and the work that are its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines as registered
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from mgd3_kedro.checks import unknown_name
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.hooks import FreeInputs
from mgd3_kedro.preflight import VARIANTS, check_inputs, check_known_parameters
from mgd3_kedro.sweep.configure import Configurator
from mgd3_kedro.sweep.grid import (
    Axis,
    make_points,
    merged,
    name_of,
    nested,
    parse_axes,
    short_digest,
)
from mgd3_kedro.sweep.sharing import Lineage, check_apart, check_used, find_sharing

Work = tuple[str, str]
"""A node, and the values that its results depend on."""


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        over: Texts of the axes.
        params: Parameters of all points, nested.
        env: The environment, None for the default one.
        pipelines: Names, none for the default one.
        filters: Which nodes of them, by the options of `kedro run`.
    """

    over: Sequence[str]
    params: Mapping[str, Any]
    env: str | None
    pipelines: Sequence[str]
    filters: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class PlannedPoint:
    """One session.

    Args:
        name: Unlike that of any other point.
        values: Key of the axis -> value.
        params: Parameters of its command line, nested.
        work: Its nodes, each with the values its results depend on.
    """

    name: str
    values: Mapping[str, Any]
    params: Mapping[str, Any]
    work: tuple[Work, ...]


@dataclass(frozen=True)
class Plan:
    """A checked sweep.

    Args:
        name: Names the folder and the MLflow run.
        project: Folder of the project.
        benchmark: Whose runs they are.
        experiment: Where MLflow keeps the runs.
        request: What was asked for.
        axes: The grid.
        points: In order.
        stamp: Differs if code or configuration are others.
        places: Parameters of a point -> catalog entry -> where it is kept.
    """

    name: str
    project: Path
    benchmark: str
    experiment: str
    request: Request
    axes: tuple[Axis, ...]
    points: tuple[PlannedPoint, ...]
    stamp: str
    places: Callable[[Mapping[str, Any]], Mapping[str, str]]

    @property
    def folder(self) -> Path:
        """Where logs and states are."""
        return self.project / "data/08_reporting" / self.benchmark / "sweeps" / self.name

    def options(self, point: PlannedPoint, nodes: Sequence[str]) -> dict[str, Any]:
        """Return what `kedro run` is started with to run some nodes of a point."""
        names = dict(self.request.filters)
        if len(nodes) < len(point.work):
            names["node_names"] = nodes
        listed = {"pipelines": self.request.pipelines, **names}
        texts = {option: ",".join(given) for option, given in listed.items() if given}
        environment = {"env": self.request.env} if self.request.env else {}
        return {**environment, **texts, "params": dict(point.params)}


def plan_sweep(request: Request, name: str | None) -> Plan:
    """Check a sweep and work out what each point has to do.

    Args:
        request: What is asked for.
        name: Of the sweep; None to name it after the pipelines and the axes.

    Raises:
        ValueError: Naming what does not fit, before any work.

    Source: ours.
    """
    axes = parse_axes(request.over, request.params)
    if name is not None and not re.fullmatch(r"\w[\w.+=-]*", name):
        raise ValueError(f"--name: expected letters, digits and any of . + = -, got {name!r}")
    with KedroSession.create(env=request.env, runtime_params=dict(request.params)) as session:
        context: KedroContext = session.load_context()  # type: ignore[attr-defined]
    pipeline = find_nodes(request)
    check_keys(axes, context.config_loader["parameters"])
    maker = Configurator(context, request.params, pipeline)
    first = {axis.key: axis.values[0] for axis in axes}
    base = maker.checked_lineage(first)
    others = {axis.key: maker.others(first, axis) for axis in axes}
    several = {axis.key: others[axis.key] for axis in axes if len(axis.values) > 1}
    check_used(base, several, pipeline.nodes)
    check_apart(base.configuration, pipeline.nodes)
    marks = {variant: f"<{variant}>" for variant in VARIANTS}
    sharing = find_sharing(base, others, maker.marked(first, marks), marks, pipeline.nodes)
    every = [base, *(lineage for ones in others.values() for lineage in ones)]
    stamp = digest(sources(), *(_text(lineage, pipeline) for lineage in every))

    points = []
    for point in make_points(axes):
        folders = {
            variant: maker.prefixes[variant] + (f"-{name_of(point.values, keys)}" if keys else "")
            for variant, keys in sharing.variants.items()
        }
        work = tuple(
            (node.name, json.dumps([str(point.values[k]) for k in first if k in touched]))
            for node in pipeline.nodes
            for touched in [sharing.touched[node.name]]
        )
        params = merged(request.params, nested(point.values), folders)
        points.append(PlannedPoint(point.name, point.values, params, work))
    return Plan(
        name or _name(request, axes),
        context.project_path,
        context.params["benchmark"],
        context.config_loader["mlflow"]["tracking"]["experiment"]["name"],
        request,
        axes,
        tuple(points),
        stamp,
        maker.places,
    )


def check_keys(axes: Iterable[Axis], parameters: Mapping[str, Any]) -> None:
    """Refuse axes that are no parameters, or none to vary.

    Raises:
        ValueError: Naming the key.

    Source: ours.
    """
    for axis in axes:
        check_known_parameters(nested({axis.key: None}), parameters)
        value: Any = parameters
        for part in axis.key.split("."):
            value = value[part]
        if isinstance(value, Mapping):
            raise ValueError(f"{axis.key}: expected one of its settings, {', '.join(value)}")
        if axis.key in VARIANTS:
            raise ValueError(f"{axis.key}: expected another parameter, a sweep sets this one")


def find_nodes(request: Request) -> Pipeline:
    """Return what each session runs.

    Raises:
        ValueError: If a pipeline or node is unknown, or nothing is left.

    Source: ours.
    """
    chosen = Pipeline([])
    for name in request.pipelines or ["__default__"]:
        if name not in registered:
            raise ValueError(unknown_name(name, registered, "pipeline"))
        chosen += registered[name]
    return chosen.filter(**{name: names or None for name, names in request.filters.items()})


def check_first(plan: Plan, point: PlannedPoint) -> None:
    """Check all that a run of one point checks before it starts.

    Source: ours.
    """
    env = plan.request.env
    with KedroSession.create(env=env, runtime_params=dict(point.params)) as session:
        catalog = session.load_context().catalog  # type: ignore[attr-defined]
    check_inputs(FreeInputs(find_nodes(plan.request), catalog))


@cache
def sources() -> str:
    """Return the identity of the package's code.

    Source: ours.
    """
    root = Path(__file__).parents[1]
    paths = sorted(root.rglob("*.py"))
    return digest(*(f"{path.relative_to(root)}\n{path.read_text()}" for path in paths))


def _text(lineage: Lineage, pipeline: Pipeline) -> str:
    """Return all that a session is configured with, as text."""
    configuration = lineage.configuration
    entries = {name: configuration.entry(name) for name in sorted(pipeline.datasets())}
    return json.dumps([configuration.parameters, entries], sort_keys=True, default=str)


def _name(request: Request, axes: Iterable[Axis]) -> str:
    """Name a sweep after what it runs and varies; other sweeps get another name."""
    parts = [*(request.pipelines or ["default"]), *(axis.key.rpartition(".")[2] for axis in axes)]
    content: list[Any] = [request.env, sorted(request.pipelines), request.params]
    content += [{name: list(names) for name, names in request.filters.items()}]
    content += [[axis.key, axis.values] for axis in axes]
    text = json.dumps(content, sort_keys=True, default=str)
    return f"{'-'.join(parts)[:80]}-{short_digest(text)}"
