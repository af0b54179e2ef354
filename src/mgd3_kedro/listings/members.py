"""Names that can be chosen, each with a one-line description, from the tables of the code."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mgd3_kedro.listings import WIDTH
from mgd3_kedro.nesting import flat

NAMES = 24
"""Width of the column of names."""
MOST_SETTINGS = 4
"""Most settings that are listed for a method; a method with more is listed without settings."""


def list_members(project: Path, methods: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield lines on methods, mode finders, networks, protocols and benchmarks.

    Args:
        project: Folder of the project.
        methods: Name -> procedure and settings, with the description as `about`.
    """
    from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS
    from mgd3_kedro.modes import MODE_FINDERS

    about: dict[str, dict[str, str]] = {
        "methods (--params method=NAME): their images are": {
            name: describe_method(settings) for name, settings in methods.items()
        },
        "mode finders (--params modes.mode_finder=NAME)": _first_lines(MODE_FINDERS),
        "networks (--params 'trainings.networks=[NAME; NAME]')": _first_lines(NETWORKS),
        "protocols (--params protocol=NAME)": {
            name: _first_line(inspect.getmodule(recipe.defaults))
            for name, recipe in PROTOCOLS.items()
        },
        "benchmarks (--env NAME)": {
            path.parent.name: describe_benchmark(project, path)
            for path in sorted((project / "conf").glob("*/parameters.yml"))
            if path.parent.name != "base"
        },
    }
    for heading, members in about.items():
        yield heading
        for line, names in _by_line(members).items():
            yield from _wrap(", ".join(names), line)
        yield ""


def describe_method(settings: Mapping[str, Any]) -> str:
    """Return the description of a method, and its settings if they are few.

    Args:
        settings: Procedure and settings of the method, with the description as `about`; if that
            is empty, the description of the procedure is used.
    """
    from mgd3_kedro.pipelines.guided_generate.procedures import PROCEDURES

    told = settings["about"] or _first_line(
        inspect.getmodule(PROCEDURES[settings["procedure"]].plan)
    )
    unsaid = ("about", "procedure")
    own = [f"{name}={value}" for name, value in flat(settings).items() if name not in unsaid]
    return f"{told} ({', '.join(own)})" if 0 < len(own) <= MOST_SETTINGS else told


def describe_benchmark(project: Path, path: Path) -> str:
    """Return the size of a benchmark: its number of classes, and the side of its images."""
    configured = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    shared = dict(configured) if isinstance(configured, dict) else {}
    table = project / str(shared.get("classes") or "")
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    told = (
        [f"{len([line for line in lines if line.strip()])} classes"] if lines else ["own classes"]
    )
    return ", ".join([*told, *([f"{shared['image_size']} px"] if "image_size" in shared else [])])


def _first_lines(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: _first_line(getattr(one, "func", one)) for name, one in table.items()}


def _first_line(member: Any) -> str:
    return (inspect.getdoc(member) or "").partition("\n")[0]


def _by_line(members: Mapping[str, str]) -> dict[str, list[str]]:
    """Return line -> names it describes, as members that differ only in size have the same line."""
    names: dict[str, list[str]] = {}
    for name, line in members.items():
        names.setdefault(line, []).append(name)
    return names


def _wrap(names: str, line: str) -> Iterator[str]:
    if len(names) <= NAMES - 3:
        first, indent = f"  {names:<{NAMES - 2}}", " " * NAMES
        yield from textwrap.wrap(line, WIDTH, initial_indent=first, subsequent_indent=indent)
        return
    yield from textwrap.wrap(names, WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield from textwrap.wrap(line, WIDTH, initial_indent=NAMES * " ", subsequent_indent=NAMES * " ")
