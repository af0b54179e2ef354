"""What the network is told of the class of an image, from step to step."""

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
    """Leave the embeddings of classes as they are, in every step."""
    return lambda index: None


def fits_anyhow(options: Mapping[str, Any]) -> None:
    """Refuse no options."""


class Conditioning(NamedTuple):
    """How what the network is told of a class changes from step to step.

    Args:
        begin: (batch, strength, options) -> what embeddings of conditions become at a step index.
        options: Name of a setting -> option.
        check: (options) -> nothing; it refuses by ValueError those that do not fit each other.
        other: The setting that says how much of another class is mixed in; empty if there is none.
        within: Whether it changes embeddings within the network.
        most: The highest strength.
    """

    begin: Callable[[ConditioningBatch, float, Mapping[str, Any]], ChangeAt]
    options: Mapping[str, Option] = NO_OPTIONS
    check: Callable[[Mapping[str, Any]], None] = fits_anyhow
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
"""Setting that holds its strength, 0 where it is off -> conditioning; None: where all are off."""


def refuse_compiled(compiled: bool, conditioning: str | None) -> None:
    """Refuse to change embeddings within a compiled network, which would not notice.

    Args:
        compiled: Whether the network is compiled.
        conditioning: A name of `CONDITIONINGS`.

    Raises:
        ValueError: Saying what to change.
    """
    if compiled and CONDITIONINGS[conditioning].within:
        raise ValueError(
            f"compile: expected false with sampling.{conditioning}, which changes embeddings "
            f"within the network, got true; set diffusion.compile=false, or {conditioning}=0"
        )
