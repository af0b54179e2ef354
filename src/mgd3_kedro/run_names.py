"""What runs are called where they are compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

DEFAULT = "__default__"
"""What Kedro calls the pipeline of a run that names none."""
DEFAULT_ENV = "mnist"
"""The environment of a run that names none."""


def name_run(
    names: Collection[str],
    known: Iterable[str],
    parameters: Mapping[str, Any],
    words: str,
    read: Collection[str],
) -> str:
    """Return a run's pipelines, its benchmark and split, and which images it is about, if it is.

    Args:
        names: Of its pipelines, in any order.
        known: All pipelines, in the order that they are told in.
        parameters: Of the run.
        words: What differs from the environment.
        read: What its nodes read.

    Source: ours.
    """
    told = "+".join(name for name in known if name in names).replace(DEFAULT, "distill")
    place = [parameters["benchmark"], parameters["split"]]
    if "params:method" in read:
        place += [f"ipc{parameters['ipc']}", parameters["method"]]
    if "params:seed" in read:
        place.append(f"seed{parameters['seed']}")
    return " ".join((told, "/".join(place), *words.split()))
