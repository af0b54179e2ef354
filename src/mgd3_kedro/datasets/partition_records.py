"""What is written down about one partition, and what is found of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mgd3_kedro.durable import read_json, write_json
from mgd3_kedro.fingerprint import digest

FACTS = {"fingerprint": str, "content": str, "count": int, "metrics": dict, "rows": list}
"""What a record has at least."""

DIGEST = "digest"
"""Key of the SHA-256 of all else in a record."""


@dataclass(frozen=True)
class Origin:
    """What a partition was made from, and with.

    Args:
        fingerprint: Of what it was made from.
        configuration: How it was made.
        libraries: Distribution -> version of what computed it.
        environment: Libraries and device, as `name=value` words.
        command: Of the run.
    """

    fingerprint: str
    configuration: str
    libraries: Mapping[str, str]
    environment: str
    command: str


class Found(NamedTuple):
    """What there is of a partition.

    Args:
        record: What is written down about it; None if it is missing or out of date.
        has_changed: Whether its files are gone, or others than were written.
    """

    record: dict[str, Any] | None = None
    has_changed: bool = False


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record with a digest of itself, see `write_json`."""
    write_json(path, {**record, DIGEST: _digest_of(record)})


def read_record(path: Path) -> dict[str, Any]:
    """Return a record that is as it was written, without its digest.

    Raises:
        OSError: If there is none.
        ValueError: Naming the file, if it is damaged.
    """
    return check_record(path, read_json(path, dict))


def check_record(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file says of a partition, without its digest.

    Raises:
        ValueError: Naming the file, if it is damaged.
    """
    record = dict(content)
    for name, kind in FACTS.items():
        if not isinstance(record.get(name), kind):
            raise ValueError(f"{path}: expected a record with {name}, got one without")
    if record.pop(DIGEST, None) != _digest_of(record):
        raise ValueError(f"{path}: expected a record that has its digest, got one that was changed")
    return record


def _digest_of(record: Mapping[str, Any]) -> str:
    return digest(json.dumps(record, sort_keys=True))
