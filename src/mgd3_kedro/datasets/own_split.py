"""Train/test split of images that have none: random within every class, copies on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.datasets.sources import AUTOMATIC, SPLITS, ColumnNames, Listing, Source, open_source

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

SEED = 0
TRAIN_SHARE = 0.8
"""Share of the train images in a class; if it has two different images, each side has at least
one."""
TRAIN, TEST = "train", "test"


class Opened(NamedTuple):
    """A source, and the side of the project's own split to read from it.

    Args:
        source: Source of the images.
        classes: Class name -> function that lists its images, of all sides.
        side: "train" or "test"; None to read all images of the source.
    """

    source: Source
    classes: Mapping[str, Listing]
    side: str | None = None


def open_split(path: Path, columns: ColumnNames = AUTOMATIC) -> Opened:
    """Open the images at a path, or one side of the project's own split.

    If images have no folder `train` or `val`, this project splits them: `PATH/train` and `PATH/val`
    then mean the two sides of all images at PATH.

    Args:
        path: Path of a split, such as PATH/train.
        columns: Columns to read from tables.

    Raises:
        ValueError: If there is nothing at the path, or nothing that can be read.
        OSError: If it cannot be read.
    """
    if path.name in SPLITS and not path.exists():
        # The split may still be a folder in an archive, or files that are called after it.
        if (split := _find(path, columns)) and (classes := split.classes()):
            return Opened(split, classes)
        # Where another split is, the images beside it are not to be split: they may be its own.
        others = (path.with_name(name) for name in SPLITS if name != path.name)
        if not (path.parent.is_dir() and any(_find(other, columns) for other in others)):
            whole = _find(path.parent, columns)
            classes = whole.classes() if whole else {}
            if whole and len(classes) > 1 and not SPLITS.keys() & classes.keys():
                return Opened(whole, classes, TRAIN if path.name == TRAIN else TEST)
            if len(classes) == 1 and not SPLITS.keys() & classes.keys():
                raise ValueError(
                    f"expected images at {path}, or at least two classes to split in "
                    f"{path.parent}; found one class, {next(iter(classes))}"
                )
    source = open_source(path, columns)
    return Opened(source, source.classes())


def has_images(path: Path, columns: ColumnNames = AUTOMATIC) -> bool:
    """Return whether there are images at a path of a split, even if they cannot be read."""
    if path.exists() or any(parent.is_file() for parent in path.parents):
        return True
    try:
        open_split(path, columns)
    except (ValueError, OSError):
        return False
    return True


def numbers_of_side(side: str, records: Sequence[Mapping[str, Any]], looks: Array) -> list[int]:
    """Return the numbers of the images of a class that are on a side, in order.

    The split depends only on the contents of the files, not on their names, order or place.

    Args:
        side: "train" or "test".
        records: Records of the images; those with an error are on the train side.
        looks: Small grey pictures of the images, (N, S, S), uint8; (0, S, S) if unknown.
    """
    # Files that are no images have no looks to be compared by, and count for no side.
    good = [number for number, record in enumerate(records) if "error" not in record]
    keys = [str(records[number].get("digest", records[number]["file"])) for number in good]
    groups = _copies(keys, looks[good] if len(looks) == len(records) else looks)
    groups.sort(key=lambda group: _draw(min(keys[number] for number in group)))
    train = set(groups[0]) if groups else set()
    # The last group is left for the test side.
    for group in groups[1:-1]:
        if len(train) + len(group) / 2 > TRAIN_SHARE * len(keys):
            break
        train.update(group)
    of_test = {good[number] for number in range(len(keys)) if number not in train}
    return [number for number in range(len(records)) if (number in of_test) != (side == TRAIN)]


def _find(path: Path, columns: ColumnNames) -> Source | None:
    """Return the source at a path; None if there is none."""
    try:
        return open_source(path, columns)
    except (ValueError, OSError):
        return None


def _copies(keys: Sequence[str], looks: Array) -> list[list[int]]:
    """Return groups of images that look the same; of equal keys if the looks are unknown."""
    from mgd3_kedro.datasets.thumbnails import find_copies

    known = 0 < len(looks) == len(keys)
    groups: dict[Any, list[int]] = {}
    for number, group in enumerate(find_copies(looks) if known else keys):
        groups.setdefault(group, []).append(number)
    return list(groups.values())


def _draw(key: str) -> str:
    return hashlib.sha256(f"{SEED} {key}".encode()).hexdigest()
