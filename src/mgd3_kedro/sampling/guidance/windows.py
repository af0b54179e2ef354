"""At which steps a drift acts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.sampling.guidance.options import Option

Window = Sequence[float]
"""First and last step, both included: step indices, or shares of the highest index."""


def check_window(name: str, value: Any) -> None:
    """Refuse what is no first and last step, the first no lower than the last.

    Raises:
        ValueError: Naming the setting.
    """
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(
            f"{name}: expected the first and the last step, as [45, 30], or null, got {value!r}"
        )
    for step in value:
        if isinstance(step, float):
            check_range(name, step, 0, 1)
        else:
            check_count(name, step, 0)
    if type(value[0]) is not type(value[1]) or value[0] < value[1]:
        raise ValueError(
            f"{name}: expected two step indices or two shares, the higher first, got {value!r}"
        )


def steps_within(window: Window, steps: int) -> range:
    """Return the step indices of a window.

    Args:
        window: First and last step, as indices, or as shares of the highest index if not integers.
        steps: T.
    """
    first, last = (step * (steps - 1) if isinstance(step, float) else step for step in window)
    # A share that is meant to be a step may be off by rounding.
    slack = 1e-9 * steps
    return range(math.ceil(last - slack), min(math.floor(first + slack), steps - 1) + 1)


def with_steps(window: Window, steps: int, reference: int) -> Window:
    """Return the window of T steps that is at the same noise as one of others.

    Args:
        window: Shares stay what they are.
        steps: T.
        reference: T that step indices are of.
    """
    return [step if isinstance(step, float) else round(step * steps / reference) for step in window]


WINDOW = Option(check_window)
"""Option that says at which steps a drift acts; null: from the noisiest to where guidance stops."""
