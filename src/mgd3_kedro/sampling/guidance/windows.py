"""At which steps a drift acts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mgd3_kedro.checks import check_range
from mgd3_kedro.sampling.guidance.options import Option

Window = Sequence[float]
"""First and last step, both included. If one is above 1, both are step indices; otherwise both are
shares of the highest index. (1, 0) is all steps."""


def check_window(name: str, value: Any) -> None:
    """Check that a value is a first and a last step, the first no lower than the last.

    Raises:
        ValueError: If it is not; the message names the setting.
    """
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(
            f"{name}: expected the first and the last step, as [45; 30], or null, got {value!r}"
        )
    for step in value:
        check_range(name, step, 0)
    if value[0] < value[1] or (_has_indices(value) and any(step != int(step) for step in value)):
        raise ValueError(
            f"{name}: expected two step indices or two shares, the higher first, got {value!r}"
        )


def steps_within(window: Window, steps: int) -> range:
    """Return the step indices of a window.

    Args:
        window: First and last step.
        steps: T.
    """
    unit = 1 if _has_indices(window) else steps - 1
    first, last = (step * unit for step in window)
    # A share that stands for a whole step may be slightly off by rounding.
    slack = 1e-9 * steps
    return range(math.ceil(last - slack), min(math.floor(first + slack), steps - 1) + 1)


def with_steps(window: Window, steps: int, reference: int) -> Window:
    """Return the window of T steps that covers the same noise levels as a given window.

    Args:
        window: Window of `reference` steps; shares stay as they are.
        steps: The new number of steps T.
        reference: The number of steps that the indices of the window belong to.
    """
    if not _has_indices(window):
        return window
    scaled = [round(step * steps / reference) for step in window]
    # Indices that are all below 2 would be read as shares.
    return scaled if _has_indices(scaled) else [step / max(steps - 1, 1) for step in scaled]


def _has_indices(window: Window) -> bool:
    return max(window) > 1


WINDOW = Option(check_window)
"""Option: steps at which a drift acts; null: from the noisiest step to where guidance stops."""

ALL_STEPS: Window = (1, 0)
TO_THE_LAST_FIFTH: Window = (1, 0.204)
"""Steps 49 to 10 of 50."""
