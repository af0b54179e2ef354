"""The parameters that a run uses, each once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from mgd3_kedro.lineage import Lineage
from mgd3_kedro.nesting import flat
from mgd3_kedro.tracking.runs import PARAMETER_LENGTH

FOLLOWED = re.compile(r"\$\{([\w.]+)\}")
"""All of a parameter's value, where it is that of another one."""
METHODS = ("method", "upper_bound")
"""What has the method's name: of images, and of all real ones."""
TAGS = ("benchmark", "split", "backbone", "ipc", "seed", "protocol", "preset")


def used_parameters(entries: Collection[str], lineage: Lineage) -> dict[str, Any]:
    """Return full name -> value of the parameters that a run uses.

    These are the ones that nodes are given, and the ones that what they read and write is
    configured with. One that is what another is, as `modes.ipc` is `ipc`, counts as that.

    Args:
        entries: What the nodes of the run read and write, parameters among them.
        lineage: Of the run.
    """
    names = set[str]().union(*map(lineage.configuring, entries))
    values = flat(lineage.configured.run)
    templates = flat(lineage.configured.templates)
    names = {_followed(name, values, templates) for name in names if name in values}
    return {name: values[name] for name in sorted(names)}


def as_texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as MLflow takes them."""
    return {name: str(value)[:PARAMETER_LENGTH] for name, value in parameters.items()}


def method_of(used: Mapping[str, Any]) -> str | None:
    """Return the method that a run is about; none where it is about no method's images."""
    return next((str(used[name]) for name in METHODS if name in used), None)


def tags_of(used: Mapping[str, Any], words: Collection[str]) -> dict[str, str]:
    """Return what runs are looked for by.

    Args:
        used: Full name -> value of the parameters that the run uses.
        words: What differs from the environment.
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
    """Return the parameter whose value this one has by configuration, itself if there is none."""
    group, rest = name, ""
    while group and group not in templates:
        # Of settings that are all those of another group.
        group, _, last = group.rpartition(".")
        rest = f".{last}{rest}"
    match = FOLLOWED.fullmatch(str(templates.get(group)))
    if match and (other := f"{match[1]}{rest}") in values:
        return _followed(other, values, templates)
    return name
