"""A set of images to be handed on, as it is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.stages import Partition


@dataclass(frozen=True)
class ExportedClass:
    """The images of a class.

    Args:
        spec: The class.
        images: (N, 3, H, W), uint8; as many of the first are taken as there are rows.
        rows: Facts about each image.
        logits: What a teacher says of them, (N, n); None where none was asked.
    """

    spec: ClassSpec
    images: Partition
    rows: Sequence[Mapping[str, Any]]
    logits: Partition | None = None

    def metadata(self) -> Iterator[dict[str, Any]]:
        """Yield the row of every image: its file, its class, and what else is known of it."""
        for number, row in enumerate(self.rows):
            yield {
                "file_name": f"{self.spec.wnid}/{number}.png",
                "label": self.spec.label,
                "class_name": self.spec.class_name,
                **row,
            }


@dataclass(frozen=True)
class ExportedSet:
    """A set of images, and what is told about it.

    Args:
        card: Its README.md.
        classes: In label order.
    """

    card: str
    classes: tuple[ExportedClass, ...]

    @property
    def has_logits(self) -> bool:
        """Whether a teacher was asked about the images."""
        return any(one.logits for one in self.classes)
