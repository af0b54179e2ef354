"""How the class condition of the samples changes from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from mgd3_kedro.sampling.annealing import (
    ANNEALING,
    ChangeAt,
    ConditioningBatch,
    anneal_conditions,
    check_annealing,
)
from mgd3_kedro.sampling.boundary import BOUNDARY, draw_on_boundary
from mgd3_kedro.sampling.guidance.options import Option

NO_OPTIONS: Mapping[str, Option] = MappingProxyType({})


def keep_conditions(
    batch: ConditioningBatch, strength: float, options: Mapping[str, Any]
) -> ChangeAt:
    """Return a function that changes no condition at any step."""
    return lambda index: None


def accept_any(options: Mapping[str, Any]) -> None:
    """Accept any options."""


class Conditioning(NamedTuple):
    """A way to change the class condition from step to step.

    Args:
        begin: (batch, strength, options) -> function that gives the change at a step index.
        options: Name of a setting -> option.
        check: (options) -> None; raises ValueError if the options do not fit each other.
        other: Name of the setting for the weight of another class; empty if no other class is used.
        within: Whether it changes embeddings inside the network.
        most: The highest strength allowed.
    """

    begin: Callable[[ConditioningBatch, float, Mapping[str, Any]], ChangeAt]
    options: Mapping[str, Option] = NO_OPTIONS
    check: Callable[[Mapping[str, Any]], None] = accept_any
    other: str = ""
    within: bool = False
    most: float = math.inf


CONDITIONINGS: dict[str | None, Conditioning] = {
    None: Conditioning(keep_conditions),
    "condition_noise": Conditioning(
        anneal_conditions, ANNEALING, check_annealing, "condition_other", within=True
    ),
    "boundary_share": Conditioning(draw_on_boundary, BOUNDARY, other="boundary_share", most=1),
}
"""Name of the setting for the strength (0 is off) -> conditioning; None is the key if all are
off."""


def refuse_compiled(compiled: bool, conditioning: str | None) -> None:
    """Check that no embeddings are changed inside a compiled network, where hooks do not run.

    Args:
        compiled: Whether the network is compiled.
        conditioning: A name of `CONDITIONINGS`.

    Raises:
        ValueError: If they are; the message says which setting to change.
    """
    if compiled and CONDITIONINGS[conditioning].within:
        raise ValueError(
            f"compile: expected false with {conditioning}, which changes embeddings "
            f"within the network, got true; set diffusion.compile=false, or {conditioning}=0 where "
            "it is set, in methods.NAME or in sampling"
        )
