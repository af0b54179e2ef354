"""Settings that a drift has beside its scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mgd3_kedro.checks import check_count
from mgd3_kedro.sampling.guidance.needs import Need


def need_nothing(value: Any) -> tuple[Need, ...]:
    """Return that nothing of a class is needed, whatever the value."""
    return ()


class Option(NamedTuple):
    """A setting of a drift.

    Args:
        check: (name, value) -> nothing; it refuses by ValueError what does not fit. Values that
            equal the default are not asked about.
        default: Value where none is given; a result that was made before the option was there is
            one that was made with it.
        needs: Value -> what finds the facts of a class that the drift needs with it.
    """

    check: Callable[[str, Any], None]
    default: Any = None
    needs: Callable[[Any], tuple[Need, ...]] = need_nothing


def check_grid(name: str, value: Any) -> None:
    """Refuse what is no number of cells."""
    check_count(name, value)
