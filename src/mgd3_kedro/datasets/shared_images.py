"""Images that two sets have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mgd3_kedro.datasets.image_index import IndexRows
from mgd3_kedro.datasets.looks import Looks
from mgd3_kedro.stages import Partition

Pair = tuple[str, str]
"""Class and file in the train set; class and file in the test set."""


class Shared(NamedTuple):
    """Images of a train set that are in a test set too.

    Args:
        same: Those with the same pixels, saved again or not.
        near: Further ones that are mirrored or slightly cropped; empty where not asked for.
    """

    same: list[Pair]
    near: list[Pair]


def shared_images(train: Mapping[str, Partition], test: Mapping[str, Partition]) -> Shared:
    """Find the images that are in both sets, in whichever classes.

    How they are compared the rows of the train set say, or else the digests of files do. Sets whose
    rows have no digest of the files have nothing in common.
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
    known: Looks


def _read_looks(test: Mapping[str, Partition]) -> _Tested | None:
    """Return what test images look like; None if nothing says."""
    import numpy as np

    indexed = {w: part.rows for w, part in test.items() if isinstance(part.rows, IndexRows)}
    names = [f"{wnid}: {row['file']}" for wnid, rows in indexed.items() for row in rows]
    if not names:
        return None
    return _Tested(names, Looks(np.concatenate([rows.looks() for rows in indexed.values()])))
