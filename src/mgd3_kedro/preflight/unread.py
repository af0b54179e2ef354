"""What is said of parameters that were given and that a run does not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mgd3_kedro.lineage import Lineage
from mgd3_kedro.named_settings import CHOOSER
from mgd3_kedro.nesting import flat


def describe_unread(
    lineage: Lineage, given: Mapping[str, Any], entries: Iterable[str]
) -> list[str]:
    """Return a line for each parameter that changes nothing of what a run reads and makes.

    Args:
        lineage: Knows the parameters, and what entries are made from.
        given: By hand, nested.
        entries: Of the catalog, and groups of parameters as `params:GROUP`, that the run reads or
            makes.
    """
    run = flat(lineage.configured.run)
    names = (name for name in flat(given) if name in run and name != CHOOSER)
    return [_describe(name, run) for name in lineage.unread(names, entries)]


def _describe(name: str, run: Mapping[str, Any]) -> str:
    told, method = f"{name}={run[name]} changes nothing in this run", run["method"]
    inner = name.rpartition(".")[2]
    own = (key for key in run if key.startswith(f"methods.{method}.") and key.endswith(f".{inner}"))
    if (instead := next(own, None)) is not None:
        return f"{told}: method={method} has a value of its own; set {instead} instead"
    return f"{told}, with method={method}"
