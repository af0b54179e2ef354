"""Names of runs in MLflow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

DEFAULT = "__default__"
"""Kedro's name of the default pipeline."""
DEFAULT_ENV = "mnist"
"""The default environment."""
PLACE = ("benchmark", "split", "backbone")
"""Parameters that the runs of a study mostly share; they are the end of a name."""


def name_run(
    names: Collection[str],
    known: Iterable[str],
    method: str | None,
    used: Mapping[str, Any],
    words: Iterable[str],
) -> str:
    """Return the name of a run, such as `mgd3 ipc10 seed0 hard-short distill mnist/test/dit`.

    Runs with other settings have other names.

    Args:
        names: Names of its pipelines, in any order.
        known: Names of all pipelines, in the order that they have in the name.
        method: Method that the run is about; None if it is about none.
        used: Full name -> value of the parameters that the run uses.
        words: Settings of the run's outputs that differ from the environment.
    """
    told = {"method": method} if method else {}
    told |= {key: f"{key}{used[key]}" for key in ("ipc", "seed") if key in used}
    if method and {"protocol", "preset"} <= used.keys():
        told |= {"protocol": f"{used['protocol']}-{used['preset']}", "preset": ""}
    place = {key: str(used[key]) for key in PLACE if key in used}
    other = [word for word in words if word.partition("=")[0] not in told.keys() | place.keys()]
    pipelines = "+".join(name for name in known if name in names).replace(DEFAULT, "distill")
    about = [*told.values(), *other]
    ordered = [*about, pipelines] if method else [pipelines, *about]
    return " ".join(part for part in (*ordered, "/".join(place.values())) if part)
