"""Configuration of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mgd3_kedro.checks import check_count


@dataclass(frozen=True)
class ReportConfig:
    """Configuration of a report.

    Args:
        beside: Names of methods to compare the run with, if they have results.
        classes: Largest number of classes with shown images.
        images: Largest number of shown images per class.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    beside: Sequence[str]
    classes: int
    images: int

    def __post_init__(self) -> None:
        if isinstance(self.beside, str):
            raise ValueError(f"beside: expected a list of methods, got {self.beside!r}")
        check_count("classes", self.classes)
        check_count("images", self.images)
