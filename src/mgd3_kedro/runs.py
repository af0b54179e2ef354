"""The commands `kedro run`, which does not start if nothing is to do, and `kedro estimate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.io import CatalogConfigResolver, DataCatalog
from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project

from mgd3_kedro.configured import OTHER_ENTRY
from mgd3_kedro.finished_runs import FinishedRun
from mgd3_kedro.named_settings import CHOOSER
from mgd3_kedro.resolution import ABOUT, METHODS
from mgd3_kedro.run_names import DEFAULT
from mgd3_kedro.summary import UP_TO_DATE, Tracked, summarise_run
from mgd3_kedro.tracking.hooks import TrackingHooks

PATTERNS = DataCatalog.default_runtime_patterns
FOUND = ".FoundDataset"
"""Suffix of the type of an entry that loads another entry, or nothing if that does not exist."""


def run_or_tell(start: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Run pipelines, or say that the same run has finished and all its outputs exist.

    Args:
        start: Function that runs them, given the options of `kedro run`.
        options: The options of `kedro run`.
    """
    project = find_kedro_project(Path.cwd())
    finished = FinishedRun.of(project, options) if project else None
    if project is None or finished is None:
        return start(**options)
    if kept := finished.find():
        places = {name: project / place for name, place in kept["places"].items()}
        print(f"{UP_TO_DATE}\n")
        for line in summarise_run(places, Tracked(*kept["tracked"]) if kept["tracked"] else None):
            print(line)
        return None
    result = start(**options)
    configured = _configured(project, options)
    outputs = _asked(options).all_outputs()
    places = {
        name: str(entry["filepath"])
        for name, entry in configured.items()
        if name in outputs and "filepath" in entry
    }
    tracked = [one.tracked for one in settings.HOOKS if isinstance(one, TrackingHooks)]
    finished.keep(configured.values(), {"places": places, "tracked": tracked[0]})
    return result


def pipeline_of(names: list[str]) -> Pipeline:
    """Return the sum of the named pipelines; the default pipeline if no name is given."""
    return sum((pipelines[name] for name in names or [DEFAULT]), Pipeline([]))


def _asked(options: Mapping[str, Any]) -> Pipeline:
    return pipeline_of([*(options.get("pipelines") or ()), *_one(options.get("pipeline"))])


def _one(name: str | None) -> list[str]:
    return [name] if name else []


def _configured(project: Path, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return entry -> configuration of all catalog entries that a run reads or makes."""
    resolver = CatalogConfigResolver(
        _loader(project, options)["catalog"], default_runtime_patterns=PATTERNS
    )
    names = [name for name in _asked(options).datasets() if not name.startswith("param")]
    entries = {name: resolver.resolve_pattern(name) for name in names}
    # The files of an entry that loads another entry are those of the other entry.
    others = {
        name: resolver.resolve_pattern(str(entry[OTHER_ENTRY]))
        for name, entry in entries.items()
        if str(entry.get("type")).endswith(FOUND)
    }
    return {**entries, **others}


def _loader(project: Path, options: Mapping[str, Any]) -> Any:
    return settings.CONFIG_LOADER_CLASS(
        conf_source=str(project / settings.CONF_SOURCE),
        env=options.get("env"),
        runtime_params=dict(options.get("params") or {}),
        **settings.CONFIG_LOADER_ARGS,
    )


def load_methods(project: Path) -> dict[str, dict[str, Any]]:
    """Return method -> its procedure and settings, with its description as `about`."""
    loader = _loader(project, {})
    about = loader.parameter_files.about_methods
    return {
        name: {**(method or {}), ABOUT: about.get(name, "")}
        for name, method in loader["parameters"][METHODS].items()
    }


def estimate(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the plan of a run with these options, without running it.

    Raises:
        ValueError: If the run would be refused.
    """
    from mgd3_kedro.announcement import announce, plan_steps, precisions_of, speeds_of
    from mgd3_kedro.preflight import warn_of_unread
    from mgd3_kedro.run_checks import check_run

    with KedroSession.create(env=options["env"], runtime_params=options["params"]) as session:
        context: Any = session.load_context()  # type: ignore[attr-defined]
        asked, parameters = _asked(options), context.config_loader["parameters"]
        warn_of_unread(context.config_loader, asked.datasets())
        check_run(asked, context.catalog)
        speeds = speeds_of(context.project_path)
        steps = [*plan_steps(asked, context.catalog, parameters, speeds)]
    yield from announce(steps, precisions_of(asked, parameters), parameters[CHOOSER])
