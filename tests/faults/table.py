"""A fault, and what a family of them is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.world import World


class LostError(AssertionError):
    """Something was lost, wrong, or left behind."""


@dataclass(frozen=True)
class Fault:
    """Something that happens to a project, and that it has to survive.

    Args:
        family: A name of `FAMILIES`.
        what: What happens, in words that no other fault of the family has.
        happen: Has it happen in a project of its own, runs again and compares; raises `LostError`.
    """

    family: str
    what: str
    happen: Callable[[World], None] = field(compare=False, repr=False)

    @property
    def digest(self) -> str:
        """What stays as long as the fault does."""
        return hashlib.sha256(f"{self.family}\0{self.what}".encode()).hexdigest()[:12]


Family = Callable[[Random], Iterator[tuple[str, Callable[["World"], None]]]]
"""Draws its faults: (what happens, what has it happen)."""


def expect(is_so: bool, told: str) -> None:
    """Raise `LostError` with these words unless something is so."""
    if not is_so:
        raise LostError(told)
