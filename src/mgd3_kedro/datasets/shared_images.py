"""Images that two sets have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mgd3_kedro.datasets.image_index import IndexRows
from mgd3_kedro.datasets.thumbnails import Thumbnails
from mgd3_kedro.stages import Partition

Pair = tuple[str, str]
"""Image of the train set and image of the test set, each as `class: file`."""


class Shared(NamedTuple):
    """Images of a train set that are in a test set too.

    Args:
        same: Pairs with the same pixels, even if saved again.
        near: Further pairs, mirrored or slightly cropped; empty if these are not searched for.
    """

    same: list[Pair]
    near: list[Pair]


def shared_images(train: Mapping[str, Partition], test: Mapping[str, Partition]) -> Shared:
    """Return the images that are in both sets, even in different classes.

    File digests are always compared. If the train set is indexed, its rows say whether looks are
    compared too, or nothing at all. Sets whose rows have no digests share no images.
    """
    shared = Shared([], [])
    tested = {
        row["digest"]: f"{wnid}: {row['file']}"
        for wnid, partition in test.items()
        for row in partition.rows
        if "digest" in row
    }
    compared = {part.rows.leaks for part in train.values() if isinstance(part.rows, IndexRows)}
    if not tested or "off" in compared:
        return shared
    looks = _read_looks(test) if compared else None
    for wnid, partition in train.items():
        names, others = [], {}
        for number, row in enumerate(partition.rows):
            names.append(f"{wnid}: {row.get('file')}")
            if row.get("digest") in tested:
                others[number] = tested[row["digest"]]
        if looks and isinstance(rows := partition.rows, IndexRows):
            pictures = rows.looks()
            same = looks.known.find_same(pictures)
            near = looks.known.find_near(pictures) if rows.leaks == "near" else []
            others = {number: looks.names[other] for number, other in same} | others
            shared.near.extend(
                (names[number], looks.names[other])
                for number, other in near
                if number not in others
            )
        shared.same.extend((names[number], others[number]) for number in sorted(others))
    return shared


class _Tested(NamedTuple):
    names: list[str]
    known: Thumbnails


def _read_looks(test: Mapping[str, Partition]) -> _Tested | None:
    """Return the small grey pictures of the test images; None if they are not indexed."""
    import numpy as np

    indexed = {w: part.rows for w, part in test.items() if isinstance(part.rows, IndexRows)}
    names = [f"{wnid}: {row['file']}" for wnid, rows in indexed.items() for row in rows]
    if not names:
        return None
    return _Tested(names, Thumbnails(np.concatenate([rows.looks() for rows in indexed.values()])))
