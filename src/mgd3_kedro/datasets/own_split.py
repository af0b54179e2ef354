"""Train/test split of images that have none: random within every class, copies on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

SEED = 0
TRAIN_SHARE = 0.8
"""Share of the train images in a class; if it has two different images, each side has at least
one."""
TRAIN, TEST = "train", "test"


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
