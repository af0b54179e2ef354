"""Whether folders of images are classes, or something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mgd3_kedro.datasets.sources import Entry
from mgd3_kedro.datasets.sources.splits import split_called

ALSO_A_CLASS = "train"
"""Name of a split that is a class in many sets, too, beside cars and boats."""
LEAST_WITH_TRAIN = 3
"""Least number of classes of which one may be called train."""
SPLIT_BELOW = 2
"""Number of folders around an image of a split that is within another folder."""
NO_CLASSES = frozenset(
    ("image", "images", "img", "imgs", "jpegimages", "annotation", "annotations", "dataset")
)
"""Words in names of folders that have the images of a set, or what belongs to them."""


def are_classes(listed: Mapping[str, Sequence[Entry]]) -> bool:
    """Return whether folders may be classes, and not splits, or the images and their annotations.

    Args:
        listed: Name of a folder -> its images.
    """
    called = {name for name in listed if split_called(name)}
    if called and (called != {ALSO_A_CLASS} or len(listed) < LEAST_WITH_TRAIN):
        return False
    return 2 * len(_called_as_no_class(listed)) < len(listed) and not _with_splits(listed)


def possible_sets(listed: Mapping[str, Sequence[Entry]]) -> set[str]:
    """Return the folders that may hold the classes, where these folders are no classes.

    Args:
        listed: Name of a folder -> its images.
    """
    if len(listed) == 1:
        return set(listed)
    return _with_splits(listed) | {
        name for name in listed if is_no_class(name) and not _splits_in(name)
    }


def _called_as_no_class(names: Iterable[str]) -> set[str]:
    """Return the folders that have the name of a split, or of all images of a set."""
    found = {name for name in names if is_no_class(name)}
    called = {name: splits for name in names if (splits := _splits_in(name))}
    return found | set(called) if len(set().union(*called.values())) > 1 else found


def _with_splits(listed: Mapping[str, Sequence[Entry]]) -> set[str]:
    """Return the folders that have train and val, or one of them, within them."""
    return {
        name
        for name, entries in listed.items()
        for entry in entries
        if len(parts := entry.name.split("/")) > SPLIT_BELOW and split_called(parts[1])
    }


def is_no_class(name: str) -> bool:
    """Return whether a folder has the name of a split, or of all images of a set."""
    return bool(split_called(name)) or not NO_CLASSES.isdisjoint(_words(name))


def _splits_in(name: str) -> set[str]:
    """Return the splits that words in a name mean."""
    return {split for word in _words(name) if (split := split_called(word))}


def _words(name: str) -> list[str]:
    """Return the words in a name, in small letters and without numbers: HAM_Images_2, test1."""
    return re.findall(r"[a-z]+", name.lower())
