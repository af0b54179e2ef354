"""The parameters that a run uses, each once, and its tags."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from mgd3_kedro.lineage import Lineage
from mgd3_kedro.nesting import flat
from mgd3_kedro.tracking.runs import PARAMETER_LENGTH

FOLLOWED = re.compile(r"\$\{([\w.]+)\}")
"""Template of a parameter whose value is that of another parameter."""
METHODS = ("method", "upper_bound")
"""Parameters with the name of the method: of distilled images, and of all real images."""
TAGS = ("benchmark", "split", "backbone", "ipc", "seed", "protocol", "preset")


def used_parameters(entries: Collection[str], lineage: Lineage) -> dict[str, Any]:
    """Return full name -> value of the parameters that a run uses.

    These are the inputs of nodes, and the parameters in the configuration of the entries that they
    read and write. A parameter that is configured to equal another one, as `modes.ipc` equals
    `ipc`, is returned under the name of the other one.

    Args:
        entries: Catalog entries and parameters that the nodes of the run read and write.
        lineage: Lineage of the run.
    """
    names = set[str]().union(*map(lineage.configuring, entries))
    values = flat(lineage.configured.run)
    templates = flat(lineage.configured.templates)
    names = {_followed(name, values, templates) for name in names if name in values}
    return {name: values[name] for name in sorted(names)}


def as_texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as texts of at most `PARAMETER_LENGTH` characters, for MLflow."""
    return {name: str(value)[:PARAMETER_LENGTH] for name, value in parameters.items()}


def method_of(used: Mapping[str, Any]) -> str | None:
    """Return the method whose images a run is about; None if it is about none."""
    return next((str(used[name]) for name in METHODS if name in used), None)


def tags_of(used: Mapping[str, Any], words: Collection[str]) -> dict[str, str]:
    """Return the tags by which runs are searched in MLflow.

    Args:
        used: Full name -> value of the parameters that the run uses.
        words: Settings that differ from the environment.
    """
    tags = {name: str(used[name]) for name in TAGS if name in used}
    if method := method_of(used):
        tags["method"] = method
    if networks := used.get("trainings.networks"):
        tags["network"] = ", ".join(networks)
    if words:
        tags["settings"] = " ".join(words)
    return tags


def _followed(name: str, values: Mapping[str, Any], templates: Mapping[str, Any]) -> str:
    """Return the parameter that this one is configured to equal; itself if there is none."""
    group, rest = name, ""
    while group and group not in templates:
        # A whole group may be configured to equal another group.
        group, _, last = group.rpartition(".")
        rest = f".{last}{rest}"
    match = FOLLOWED.fullmatch(str(templates.get(group)))
    if match and (other := f"{match[1]}{rest}") in values:
        return _followed(other, values, templates)
    return name
