"""Whether partitions made with other versions of libraries are used again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

REUSE = ("any", "same")
"""Any are kept, with a warning; or those alone that were made with the same versions."""


def tell_difference(made_with: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return how library versions differ, nothing if they do not.

    Args:
        made_with: Distribution -> version.
        here: The same, of this process.
    """
    names = [name for name in sorted({*made_with, *here}) if made_with.get(name) != here.get(name)]
    if not names:
        return ""
    return f"{_words(made_with, names)}, here is {_words(here, names, is_told=len(names) > 1)}"


def describe_changes(changed: Sequence[str], classes: int) -> str:
    """Word the warning that partitions are no longer what was written.

    Args:
        changed: Names of them.
        classes: How many partitions there are.
    """
    told = f"files of {len(changed)} of {classes} classes, {changed[0]} first"
    return f"{told}, have changed since they were made; made anew"


def describe_differences(differences: Mapping[str, int], classes: int) -> str:
    """Word the warning that partitions are kept although library versions differ.

    Args:
        differences: What `tell_difference` says -> how many partitions it says that of.
        classes: How many there are.
    """
    told = "; ".join(
        f"{count} of {classes} classes were made with {difference}"
        for difference, count in differences.items()
    )
    return f"{told}; kept, --params reuse=same makes them anew"


def _words(versions: Mapping[str, str], names: list[str], is_told: bool = True) -> str:
    known = {name: versions.get(name, "none") for name in names}
    return ", ".join(f"{name} {known[name]}" if is_told else known[name] for name in names)
