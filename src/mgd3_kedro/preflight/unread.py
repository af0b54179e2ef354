"""Warnings about given parameters that a run does not read."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping
from typing import Any, Protocol

from mgd3_kedro.lineage import Lineage
from mgd3_kedro.named_settings import CHOOSER
from mgd3_kedro.nesting import configured_as, flat

logger = logging.getLogger(__name__)


class Loader(Protocol):
    """The configuration of a run."""

    @property
    def lineage(self) -> Lineage:
        """The parameters that every catalog entry is made from."""

    def given_by_hand(self) -> dict[str, Any]:
        """Return the parameters given for the run, nested."""


def warn_of_unread(loader: Loader, entries: Iterable[str]) -> None:
    """Warn of given parameters that change nothing that a run reads or makes.

    Args:
        loader: Configuration of the run.
        entries: Catalog entries, and parameter groups as `params:GROUP`, that it reads or makes.
    """
    run = flat(loader.lineage.configured.run)
    given = [name for name in flat(loader.given_by_hand()) if name in run and name != CHOOSER]
    for name in loader.lineage.unread(given, entries):
        logger.warning(_describe(name, run, loader.lineage.unread_by_method))


def _describe(name: str, run: Mapping[str, Any], unread_by_method: Container[str]) -> str:
    told = f"{name}={configured_as(run[name])} changes nothing in this run"
    if name not in unread_by_method:
        return told
    method, inner = run["method"], name.rpartition(".")[2]
    own = (key for key in run if key.startswith(f"methods.{method}.") and key.endswith(f".{inner}"))
    if (instead := next(own, None)) is None:
        return f"{told}: method={method} does not use it"
    return f"{told}: method={method} has a value of its own; set {instead} instead"
