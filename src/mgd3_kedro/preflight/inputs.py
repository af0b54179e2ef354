"""Interface of the inputs that the checks read."""

from __future__ import annotations

from typing import Any, Protocol


class Inputs(Protocol):
    """The inputs of a run, as a mapping from names of catalog entries to values."""

    def __contains__(self, name: object) -> bool:
        """Tell whether the run reads this entry."""

    def __getitem__(self, name: str) -> Any:
        """Return the value of an entry."""
