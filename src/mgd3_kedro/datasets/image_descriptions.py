"""Properties of image files, found by reading and decoding each file once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from mgd3_kedro.datasets.decoding import LOOK_SIDE, Description, describe_image
from mgd3_kedro.datasets.image_reader import read_bytes
from mgd3_kedro.datasets.sources.base import Entry, Reader, Source, printable

Record = dict[str, Any]
"""Keys: file, size (bytes), place; then digest, pixels (width and height) and mode, or error."""
NO_LOOK = bytes(LOOK_SIDE**2)
"""Placeholder for the look of a bad file."""


class Described(NamedTuple):
    """Properties of some images, in the order of their entries.

    Args:
        records: One record per image.
        looks: Small grey pictures of the images, `LOOK_SIDE ** 2` bytes each; zeros for bad files.
        plain: Whether every reader decodes the same pixels from all good files.
    """

    records: list[Record]
    looks: bytes
    plain: bool


def describe_images(source: Source, entries: Sequence[Entry]) -> Described:
    """Read and decode some images once, and return their properties."""
    reader = source.open()
    try:
        in_order = sorted(range(len(entries)), key=lambda number: entries[number].place)
        made = {number: _describe(source, reader, entries[number]) for number in in_order}
    finally:
        reader.close()
    found = [made[number] for number in range(len(entries))]
    looks = b"".join(image.look if image else NO_LOOK for _, image in found)
    plain = all(image.plain for _, image in found if image)
    return Described([record for record, _ in found], looks, plain)


def _describe(source: Source, reader: Reader, entry: Entry) -> tuple[Record, Description | None]:
    name = source.where(entry.name)
    record: Record = {"file": entry.name, "size": entry.size, "place": entry.place}
    try:
        data = read_bytes(reader, entry, name)
        image = describe_image(data, name)
    except ValueError as error:
        return {**record, "error": printable(str(error).removeprefix(f"{name}: "))}, None
    except OSError as error:
        return {**record, "error": str(error.strerror or error), "unread": True}, None
    known = {
        "digest": hashlib.sha256(data).hexdigest(),
        "pixels": image.size,
        "mode": image.mode,
    }
    return {**record, **known}, image
