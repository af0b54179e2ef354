"""Records of partitions: reading, writing and checking them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mgd3_kedro.durable import read_json, write_json
from mgd3_kedro.fingerprint import digest

FACTS = {"fingerprint": str, "content": str, "count": int, "metrics": dict, "rows": list}
"""Keys that every record has -> type of their value."""

DIGEST = "digest"
"""Key of the SHA-256 of all other values in a record."""


@dataclass(frozen=True)
class Origin:
    """What a partition was made from, and with which code and libraries.

    Args:
        fingerprint: Identity of what it was made from.
        configuration: Digest of how it was made, see `configuration_digest`.
        libraries: Distribution -> version, of the libraries that computed it.
        environment: Libraries and device, as `name=value` words.
        command: Command of the run.
    """

    fingerprint: str
    configuration: str
    libraries: Mapping[str, str]
    environment: str
    command: str


class Found(NamedTuple):
    """Result of looking for a partition.

    Args:
        record: Its record; None if the partition is missing or out of date.
        has_changed: Whether its files are gone or were modified.
    """

    record: dict[str, Any] | None = None
    has_changed: bool = False


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record with a digest of itself, see `write_json`."""
    write_json(path, {**record, DIGEST: _digest_of(record)})


def read_record(path: Path) -> dict[str, Any]:
    """Return a record without its digest, after checking the digest.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the record is damaged; the message names the file.
    """
    return check_record(path, read_json(path, dict))


def check_record(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Check the content of a record file, and return the record without its digest.

    Raises:
        ValueError: If the record is damaged; the message names the file.
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
