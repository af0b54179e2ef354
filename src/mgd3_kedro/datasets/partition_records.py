"""What is written down about one partition, and what is found of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

FACTS = {"fingerprint": str, "content": str, "count": int, "metrics": dict, "rows": list}
"""What a record has at least."""


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
