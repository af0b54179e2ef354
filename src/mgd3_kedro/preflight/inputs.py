"""What the checks read."""

from __future__ import annotations

from typing import Any, Protocol


class Inputs(Protocol):
    """What the checks read: the catalog, seen as a mapping of names to values."""

    def __contains__(self, name: object) -> bool:
        """Tell whether the run reads this entry."""

    def __getitem__(self, name: str) -> Any:
        """Return the value of an entry."""
