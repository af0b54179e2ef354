"""Whether folders of images are classes, or something else."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from mgd3_kedro.datasets.sources.base import Entry
from mgd3_kedro.datasets.sources.splits import split_called

ALSO_A_CLASS = "train"
"""Name of a split that is a class in many sets, too, beside cars and boats."""
LEAST_WITH_TRAIN = 3
"""Least number of classes of which one may be called train."""
LEAST_SHARED = 2
"""Least number of folders of the same names in two classes that is told."""
PARTS_OF_PATH = 2
"""Parts of the path of an image that is in its class folder."""
OF_A_SET = frozenset(
    (
        *("image", "images", "img", "imgs", "jpegimages", "data", "dataset"),
        *("annotation", "annotations", "segmentation", "segmentations", "trimaps"),
        *("segmentationclass", "segmentationobject"),
    )
)
"""Words of folders that have all images of a set, or what belongs to them."""
BESIDE_IMAGES = frozenset(("mask", "masks", "label", "labels", "ground", "truth"))
"""The same, but classes may be called so, too, where no folder is called after all images."""
WITHOUT_CLASS = frozenset(("unlabeled", "unlabelled"))
"""Words of folders with images that have no class."""
OF_PARTS = frozenset(("image", "images", "img", "imgs", "part", "batch"))
"""Words of folders that are parts of a set, if their names differ in numbers alone."""


def are_classes(listed: Mapping[str, Sequence[Entry]]) -> bool:
    """Return whether folders may be classes, and not splits, or the images and their annotations.

    Args:
        listed: Name of a folder -> its images.
    """
    splits = {name for name in listed if is_no_class(name) and _splits_in(name)}
    if any(not WITHOUT_CLASS.isdisjoint(_words(name)) for name in listed):
        return False
    if splits and (splits != {ALSO_A_CLASS} or len(listed) < LEAST_WITH_TRAIN):
        return False
    if 2 * len(_called_as_no_class(listed)) >= len(listed) or _are_parts(listed):
        return False
    below = {name: folders_within(entries) for name, entries in listed.items()}
    # Folders that have train and val within them, or copies of the others, are sets of their own.
    return not any(
        any(map(split_called, inner)) or inner & (listed.keys() - {name})
        for name, inner in below.items()
    )


def possible_sets(listed: Mapping[str, Sequence[Entry]]) -> set[str]:
    """Return the folders that may hold the classes, where these folders are no classes.

    Args:
        listed: Name of a folder -> its images.
    """
    if len(listed) == 1:
        return set(listed)
    return {
        name
        for name, entries in listed.items()
        if (is_no_class(name) and not _splits_in(name))
        or any(map(split_called, folders_within(entries)))
    }


def shared_folders(listed: Mapping[str, Sequence[Entry]]) -> tuple[str, ...]:
    """Return two folders that have the same folders within, and the names of these; else nothing.

    Years and other numbers do not count.

    Args:
        listed: Name of a folder -> its images.
    """
    below = {
        name: {inner for inner in folders_within(entries) if not inner.isdecimal()}
        for name, entries in listed.items()
    }
    first: dict[str, str] = {}
    for name, inner in below.items():
        for other in {first.setdefault(one, name) for one in inner} - {name}:
            if len(shared := below[other] & inner) >= LEAST_SHARED:
                return other, name, *sorted(shared)
    return ()


def is_no_class(name: str) -> bool:
    """Return whether a folder has the name of a split, or of all images of a set."""
    words = _words(name)
    known = OF_A_SET | BESIDE_IMAGES | WITHOUT_CLASS
    return bool(words) and all(word in known or split_called(word) for word in words)


def folders_within(entries: Sequence[Entry]) -> set[str]:
    """Return the folders that the folder of some images has."""
    return {parts[1] for entry in entries if len(parts := entry.name.split("/")) > PARTS_OF_PATH}


def _called_as_no_class(names: Collection[str]) -> set[str]:
    """Return the folders that have the name of a split, or of all images of a set."""
    found = {name for name in names if is_no_class(name)}
    if all(BESIDE_IMAGES.issuperset(_words(name)) for name in found):
        found = set()
    called = {name: splits for name in names if (splits := _splits_in(name))}
    return found | set(called) if len(set().union(*called.values())) > 1 else found


def _are_parts(names: Collection[str]) -> bool:
    """Return whether folders are parts of one set: HAM10000_images_part_1 and _2."""
    words = {tuple(_words(name)) for name in names}
    return len(words) == 1 < len(names) and not OF_PARTS.isdisjoint(*words)


def _splits_in(name: str) -> set[str]:
    """Return the splits that words in a name mean."""
    return {split for word in _words(name) if (split := split_called(word))}


def _words(name: str) -> list[str]:
    """Return the words in a name, in small letters and without numbers: HAM_Images_2, test1."""
    return re.findall(r"[a-z]+", name.lower())
