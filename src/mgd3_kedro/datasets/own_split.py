"""A split of images that come without one: within every class, drawn by a seed, copies together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.datasets.sources import SPLITS, Source, open_source

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

SEED = 0
TRAIN_SHARE = 0.8
"""Of the images of a class, at least one of them on either side where there are two."""
TRAIN, TEST = "train", "test"


class Opened(NamedTuple):
    """A source, and the side of a split of ours that is meant of it.

    Args:
        source: Reads the images.
        side: "train" or "test"; None where all images of the source are meant.
    """

    source: Source
    side: str | None = None


def open_split(path: Path, label: str | None = None) -> Opened:
    """Return what reads the images at a path, or at the place that a split of it would be in.

    Images that are in no folder `train` or `val` are split by this project: what is asked for as
    `PATH/train` or `PATH/val` is a side of all that is at PATH.

    Args:
        path: Of a split, such as PATH/train.
        label: Column of the classes in tables; None to find it.

    Raises:
        ValueError: If there is nothing, or nothing that is known.
    """
    if path.name in SPLITS and (whole := _unsplit(path, label)):
        return Opened(whole, TRAIN if path.name == TRAIN else TEST)
    return Opened(open_source(path, label))


def numbers_of_side(side: str, records: Sequence[Mapping[str, Any]], looks: Array) -> list[int]:
    """Return the images of a class that are on a side, by their numbers, in order.

    Which they are depends on the contents of the files alone: not on names, order or place.

    Args:
        side: "train" or "test".
        records: Of the images; those that cannot be read have no digest.
        looks: What they look like, (N, S, S), uint8; (0, S, S) if that is not known.
    """
    keys = [str(record.get("digest", record["file"])) for record in records]
    groups = _copies(keys, looks)
    groups.sort(key=lambda group: _draw(min(keys[number] for number in group)))
    train = set(groups[0]) if groups else set()
    # The last is left for the other side.
    for group in groups[1:-1]:
        if len(train) + len(group) / 2 > TRAIN_SHARE * len(keys):
            break
        train.update(group)
    return [number for number in range(len(keys)) if (number in train) == (side == TRAIN)]


def _unsplit(path: Path, label: str | None) -> Source | None:
    """Return what is in the place of a split that is not there, if it is not split at all."""
    if path.exists() or not path.parent.exists():
        return None
    try:
        if open_source(path, label).classes():
            return None
    except (ValueError, OSError):
        pass
    try:
        whole = open_source(path.parent, label)
        found = whole.classes()
    except (ValueError, OSError):
        return None
    return whole if len(found) > 1 and not SPLITS.keys() & found.keys() else None


def _copies(keys: Sequence[str], looks: Array) -> list[list[int]]:
    """Return groups of images that look the same, or have equal keys where looks are not known."""
    from mgd3_kedro.datasets.looks import find_copies

    known = 0 < len(looks) == len(keys)
    groups: dict[Any, list[int]] = {}
    for number, group in enumerate(find_copies(looks) if known else keys):
        groups.setdefault(group, []).append(number)
    return list(groups.values())


def _draw(key: str) -> str:
    return hashlib.sha256(f"{SEED} {key}".encode()).hexdigest()
