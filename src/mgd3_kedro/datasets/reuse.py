"""Reuse of partitions that were made with other library versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

REUSE = ("any", "same")
"""Choices: "any" keeps all partitions, with a warning; "same" keeps only those made with the same
versions."""


def tell_difference(made_with: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return how library versions differ; empty if they do not.

    Args:
        made_with: Distribution -> version that the partition was made with.
        here: Distribution -> version in this process.
    """
    names = [name for name in sorted({*made_with, *here}) if made_with.get(name) != here.get(name)]
    if not names:
        return ""
    return (
        f"{_words(made_with, names)}, this process has "
        f"{_words(here, names, is_told=len(names) > 1)}"
    )


def describe_changes(changed: Sequence[str], classes: int) -> str:
    """Return the warning that files of partitions have changed since they were written.

    Args:
        changed: Names of the changed partitions.
        classes: Number of all partitions.
    """
    told = f"files of {len(changed)} of {classes} classes, {changed[0]} first"
    return f"{told}, have changed since they were made; these classes are made again"


def describe_differences(differences: Mapping[str, int], classes: int) -> str:
    """Return the warning that partitions are kept although library versions differ.

    Args:
        differences: Text of `tell_difference` -> number of partitions with this difference.
        classes: Number of all partitions.
    """
    told = "; ".join(
        f"{count} of {classes} classes were made with {difference}"
        for difference, count in differences.items()
    )
    return f"{told}; they are kept; to make them again: --params reuse=same"


def _words(versions: Mapping[str, str], names: list[str], is_told: bool = True) -> str:
    known = {name: versions.get(name, "none") for name in names}
    return ", ".join(f"{name} {known[name]}" if is_told else known[name] for name in names)
