"""What runs are called where they are compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

DEFAULT = "__default__"
"""What Kedro calls the pipeline of a run that names none."""
DEFAULT_ENV = "mnist"
"""The environment of a run that names none."""
PLACE = ("benchmark", "split", "backbone")
"""What all runs of a study mostly have in common: told last."""


def name_run(
    names: Collection[str],
    known: Iterable[str],
    method: str | None,
    used: Mapping[str, Any],
    words: Iterable[str],
) -> str:
    """Return what tells a run from others, as `mgd3 ipc10 seed0 hard-short distill mnist/test/dit`.

    Runs with other settings have other names.

    Args:
        names: Of its pipelines, in any order.
        known: All pipelines, in the order that they are told in.
        method: That the run is about; None if it is about none.
        used: Full name -> value of the parameters that the run uses.
        words: What differs from the environment in what the run makes.
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
