"""Points of a sweep: runs whose parameters are read and checked before any of them starts."""

from __future__ import annotations

import itertools
import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro.pipeline import Pipeline

from mgd3_kedro.checks import lookup
from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.nesting import flat, nested
from mgd3_kedro.node_names import NODE_OPTIONS, with_stages
from mgd3_kedro.pipeline_registry import build_pipelines
from mgd3_kedro.points import REPORTED, short_names
from mgd3_kedro.splitting import Text
from mgd3_kedro.sweep.parts import SweepPart
from mgd3_kedro.words import as_words

PARTITIONED = "reuse"
"""Setting that only catalog entries of results partitioned by class have."""
LONGEST_NAME = 100


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Args:
        name: Name of the point, unique in its sweep and valid as a file name.
        part: Part of the sweep that the point belongs to.
        number: Number of the part.
        values: Axis -> value.
        given: Full name -> value, of all parameters on its command line.
        loader: Configuration of the run.
        nodes: Nodes that are run.
    """

    name: str
    part: SweepPart
    number: int
    values: Mapping[str, Any]
    given: Mapping[str, Text]
    loader: ProjectConfigLoader
    nodes: Pipeline

    @property
    def options(self) -> list[str]:
        """Options of `kedro run` on the command line of the point."""
        texts = [f"--{name.replace('_', '-')}={names}" for name, names in self.part.options.items()]
        params = ",".join(f"{name}={value}" for name, value in self.given.items())
        return [f"--env={self.loader.env_name}", *texts, *(["--params", params] if params else [])]

    @property
    def command(self) -> str:
        """The same run as one would type it in a shell."""
        return shlex.join(["kedro", "run", *self.options])

    @property
    def stamp(self) -> str:
        """Digest of code, options and configuration; if it changes, the point is out of date."""
        configuration = [self.loader["parameters"], self.loader.catalog_files]
        # Kedro reads files in an order that differs from process to process.
        text = json.dumps(configuration, default=str, sort_keys=True)
        return digest(sources(), *self.options, text)

    @property
    def made_from(self) -> str:
        """Outputs and the parameters they depend on, as text; equal if two points make the same."""
        values, lineage = flat(self.loader["parameters"]), self.loader.lineage
        outputs = {
            name: [f"{key}={values.get(key)!r}" for key in sorted(lineage.parameters(name))]
            for name in sorted(self.nodes.all_outputs())
        }
        return json.dumps(outputs)

    def words(self) -> list[str]:
        """Return, in words, its parameters that affect outputs and differ from the environment."""
        lineage = self.loader.lineage
        told = (word for name in sorted(self.nodes.all_outputs()) for word in lineage.words(name))
        return list(dict.fromkeys(told))

    def found(self, project: Path) -> list[str]:
        """Return the names of its outputs partitioned by class that exist already."""
        files = self.loader.catalog_files
        made = self.nodes.all_outputs() & files.keys()
        partitioned = sorted(name for name in made if PARTITIONED in files[name])
        datasets = datasets_of(self.loader, partitioned, project)
        return [name for name, dataset in datasets.items() if dataset.exists()]

    def places(self) -> dict[str, str]:
        """Return catalog entry -> path, of the outputs that reports read."""
        made = self.nodes.all_outputs()
        return {name: self.loader.place(name) for name in REPORTED if name in made}


def plan_points(environment: ProjectConfigLoader, parts: Sequence[SweepPart]) -> list[Point]:
    """Return the points of all parts, in order; the last axis varies fastest.

    Args:
        environment: Configuration without parameters of a run.
        parts: Parts of the sweep.

    Raises:
        ValueError: If a parameter cannot be read, or a point occurs twice; the message names it.
    """
    points = [
        _plan_point(environment, part, number, dict(zip(part.over, values, strict=True)))
        for number, part in enumerate(parts)
        for values in itertools.product(*part.over.values())
    ]
    twice = Counter((point.part.sweep, point.name) for point in points)
    for (sweep, name), times in twice.items():
        if times > 1:
            raise ValueError(f"{sweep}: expected every point once, got {name} {times} times")
    return points


def datasets_of(
    loader: ProjectConfigLoader, names: Sequence[str], project: Path
) -> dict[str, AbstractDataset[Any, Any]]:
    """Return name -> dataset, for some entries of a run's catalog."""
    entries = loader.entries(names)
    for entry in entries.values():
        entry |= {key: str(project / entry[key]) for key in ("filepath", "path") if entry.get(key)}
    return {name: AbstractDataset.from_config(name, entry) for name, entry in entries.items()}


def _plan_point(
    environment: ProjectConfigLoader, part: SweepPart, number: int, chosen: Mapping[str, Text]
) -> Point:
    given = {**part.params, **chosen}
    loader = environment.with_parameters(nested(given))
    loader.check()
    known, read = build_pipelines(loader["parameters"]), loader.configured.given
    names = part.options["pipelines"].split(",")
    nodes = sum((lookup(known, name.strip(), "pipeline") for name in names), Pipeline([]))
    filters = {name: part.options[name].split(",") for name in part.options if name != "pipelines"}
    for name in NODE_OPTIONS & filters.keys():
        filters[name] = with_stages(filters[name], (node.name for node in nodes.nodes))
    values = {axis: read[axis] for axis in chosen}
    name = _name(values) if values else "+".join(names)
    return Point(
        name, part, number, values, given, loader, nodes.filter(**filters) if filters else nodes
    )


def _name(values: Mapping[str, Any]) -> str:
    short = short_names(values)
    text = "-".join(as_words(short[axis], value) for axis, value in values.items())
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}~{digest(text)[:8]}"


@cache
def sources() -> str:
    """Return the digest of the package's source code."""
    root = Path(__file__).parents[1]
    paths = sorted(root.rglob("*.py"))
    return digest(
        *(f"{path.relative_to(root)}\n{path.read_text(encoding='utf-8')}" for path in paths)
    )
