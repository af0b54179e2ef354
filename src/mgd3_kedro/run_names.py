"""What runs are called where they are compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

DEFAULT = "__default__"
"""What Kedro calls the pipeline of a run that names none."""


def name_run(
    names: Collection[str],
    known: Iterable[str],
    parameters: Mapping[str, Any],
    read: Collection[str],
) -> str:
    """Return a run's pipelines, its benchmark and, where it is about images of a method, which.

    Args:
        names: Of its pipelines, in any order.
        known: All pipelines, in the order that they are told in.
        parameters: Of the run.
        read: What its nodes read.

    Source: ours.
    """
    told = "+".join(name for name in known if name in names).replace(DEFAULT, "distill")
    place = [parameters["benchmark"]]
    if "params:method" in read:
        made_by = f"{parameters['method']}{parameters['variant']}"
        place += [f"ipc{parameters['ipc']}", made_by, f"seed{parameters['seed']}"]
    return f"{told} {'/'.join(place)}"
