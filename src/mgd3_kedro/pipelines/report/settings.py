"""What a report shows at most, and what accuracies are put beside those of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mgd3_kedro.checks import check_count


@dataclass(frozen=True)
class ReportConfig:
    """What a report shows.

    Args:
        beside: Methods whose accuracies are put beside that of the run, where they are there.
        classes: Of which images are shown, at most.
        images: Of a class that are shown, at most.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    beside: Sequence[str]
    classes: int
    images: int

    def __post_init__(self) -> None:
        if isinstance(self.beside, str):
            raise ValueError(f"beside: expected a list of methods, got {self.beside!r}")
        check_count("classes", self.classes)
        check_count("images", self.images)
