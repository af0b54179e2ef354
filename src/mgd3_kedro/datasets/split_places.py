"""Folders and archives that are called after splits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from mgd3_kedro.datasets.sources import ARCHIVES
from mgd3_kedro.datasets.sources.base import is_hidden
from mgd3_kedro.datasets.sources.splits import SPLITS, split_called


def places_by_split(folder: Path, names: Iterable[str]) -> dict[str, list[Path]]:
    """Return split -> the places in a folder that are called after it, sorted by their kind.

    Args:
        folder: A folder or an archive.
        names: Names in it.
    """
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    shown = [name for name in sorted(names) if not is_hidden(name)]
    prefixes = _common_prefixes(map(_without_suffix, shown))
    for name in shown:
        called = _without_suffix(name)
        prefix = next((one for one in prefixes if called.startswith(one)), "")
        if split := split_called(called) or split_called(called.removeprefix(prefix)):
            found[split].append(folder / name)
    for split, places in found.items():
        places.sort(key=kind_of(split))
    return found


def archives_in(folder: Path) -> list[str]:
    """Return the names of the archives in a folder; none for what is no folder."""
    files = folder.iterdir() if folder.is_dir() else ()
    return [path.name for path in files if path.name.lower().endswith(ARCHIVES) and path.is_file()]


def _without_suffix(name: str) -> str:
    """Return the name of an archive without its suffix, or another name."""
    suffix = next((suffix for suffix in ARCHIVES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]


def kind_of(split: str) -> Callable[[Path], tuple[bool, bool]]:
    """Return a function that sorts places of a split: folders first, then its own name."""
    return lambda place: (place.is_file(), _without_suffix(place.name).lower() != split)


def _common_prefixes(names: Iterable[str]) -> list[str]:
    """Return what is before the splits in names such as seg_train and seg_test.

    A name alone is none, as bullet-train may be a class.
    """
    found: dict[str, set[str]] = {}
    for name in names:
        match = re.fullmatch(r"(.*[-_ ])([A-Za-z]+)", name)
        if match and (split := split_called(match[2])):
            found.setdefault(match[1], set()).add(split)
    return [prefix for prefix, splits in found.items() if "train" in splits and len(splits) > 1]
