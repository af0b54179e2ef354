"""Settings of a drift or conditioning besides its scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mgd3_kedro.checks import check_count
from mgd3_kedro.sampling.guidance.needs import Need


def need_nothing(value: Any) -> tuple[Need, ...]:
    """Return no needs, whatever the value."""
    return ()


class Option(NamedTuple):
    """A setting of a drift or conditioning.

    Args:
        check: (name, value) -> None; raises ValueError if the value is not valid. It is not called
            for values that equal the default.
        default: Value if none is given. Results from before the option existed count as made with
            this value.
        needs: Value -> functions that find the facts which the drift needs with this value.
    """

    check: Callable[[str, Any], None]
    default: Any = None
    needs: Callable[[Any], tuple[Need, ...]] = need_nothing


def check_grid(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a whole number of cells, at least 1."""
    check_count(name, value)
