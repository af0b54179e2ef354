"""Images that two sets have in common."""

from __future__ import annotations

from collections.abc import Mapping

from mgd3_kedro.stages import Partition


def shared_images(
    train: Mapping[str, Partition], test: Mapping[str, Partition]
) -> list[tuple[str, str]]:
    """Find the files that are in both sets, byte for byte, in whichever classes.

    Sets whose rows have no digest of the files have nothing in common.

    Returns:
        Class and file in the train set; class and file in the test set.

    Source: ours.
    """
    tested = {
        row["digest"]: f"{wnid}: {row['file']}"
        for wnid, partition in test.items()
        for row in partition.rows
        if "digest" in row
    }
    if not tested:
        return []
    return [
        (f"{wnid}: {row['file']}", tested[row["digest"]])
        for wnid, partition in train.items()
        for row in partition.rows
        if row.get("digest") in tested
    ]
