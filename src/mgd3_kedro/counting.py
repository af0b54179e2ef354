"""Numbers with their units, as people write them."""

from __future__ import annotations


def count(number: int, unit: str) -> str:
    """Write a number with its unit, in the plural where there is more than one."""
    plural = f"{unit}es" if unit.endswith("s") else f"{unit}s"
    return f"{number:,} {unit if number == 1 else plural}"
