"""An exported set of images, as it is written to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.stages import Partition


@dataclass(frozen=True)
class ExportedClass:
    """The exported images of a class.

    Args:
        spec: The class.
        images: (N, 3, H, W), uint8; only the first `len(rows)` images are exported.
        rows: Facts about each exported image.
        logits: Logits of a teacher, (N, number of classes); None without a teacher.
    """

    spec: ClassSpec
    images: Partition
    rows: Sequence[Mapping[str, Any]]
    logits: Partition | None = None

    def metadata(self) -> Iterator[dict[str, Any]]:
        """Yield the metadata of every image: its file, its class, and its row of facts."""
        for number, row in enumerate(self.rows):
            yield {
                "file_name": f"{self.spec.wnid}/{number}.png",
                "label": self.spec.label,
                "class_name": self.spec.class_name,
                **row,
            }


@dataclass(frozen=True)
class ExportedSet:
    """A set of images with its description.

    Args:
        card: Text of the README.md.
        classes: Classes in label order.
    """

    card: str
    classes: tuple[ExportedClass, ...]

    @property
    def has_logits(self) -> bool:
        """Whether the set has logits of a teacher."""
        return any(one.logits for one in self.classes)
