"""A labelled image set and its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mgd3_kedro.checks import lookup


@dataclass(frozen=True)
class ClassSpec:
    """One class of a benchmark, with its four identifiers, which are not interchangeable.

    Args:
        label: Position within the benchmark, 0..n-1.
        wnid: Folder name, usually the WordNet id.
        class_index: Position in the label space of the backbone.
        class_name: Words for people and for text prompts.
    """

    label: int
    wnid: str
    class_index: int
    class_name: str


@dataclass(frozen=True)
class Benchmark:
    """A labelled image set.

    Args:
        name: Name of the benchmark.
        image_size: Side of its images in pixels.
        classes: Classes in label order.
        test_images_per_class: Images per class of the published test set; None if unknown.
        listed: Whether there is no class table, so that a class index is only a position in the
            list of classes.

    Raises:
        ValueError: If there is no class, labels are not 0..n-1 in order, or folder names repeat or
            are not valid.
    """

    name: str
    image_size: int
    classes: tuple[ClassSpec, ...]
    test_images_per_class: int | None = None
    listed: bool = False

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError(f"benchmark {self.name!r}: expected at least one class, got none")
        labels = [spec.label for spec in self.classes]
        if labels != list(range(len(labels))):
            raise ValueError(
                f"benchmark {self.name!r}: expected labels 0..n-1 in order, got {labels}"
            )
        wnids = [spec.wnid for spec in self.classes]
        for wnid in wnids:
            # Hidden folders are not read as classes, and names are listed one per line.
            if wnid[:1] in ("", ".") or {"/", "\\", "\0", "\n", "\r", "\t"} & set(wnid):
                raise ValueError(
                    f"benchmark {self.name!r}: expected classes by names that folders can have, "
                    f"got {wnid!r}; rename it where the images are"
                )
        repeated = sorted({wnid for wnid in wnids if wnids.count(wnid) > 1})
        if repeated:
            raise ValueError(
                f"benchmark {self.name!r}: expected each folder once, got {repeated} again"
            )

    @property
    def wnids(self) -> tuple[str, ...]:
        """Folder names in label order."""
        return tuple(spec.wnid for spec in self.classes)

    @property
    def twins(self) -> dict[str, int]:
        """Folder name -> number of earlier classes with the same class index.

        A class table may give several classes the same index if the model knows them by name. Seeds
        that depend on the class index then also use this number, so that the classes differ.
        """
        indices = [spec.class_index for spec in self.classes]
        return {spec.wnid: indices[: spec.label].count(spec.class_index) for spec in self.classes}

    def named(self, class_name: str | None) -> ClassSpec:
        """Return the class with a name, or the first class for None.

        Raises:
            ValueError: If there is no such class.
        """
        if class_name is None:
            return self.classes[0]
        return lookup({spec.class_name: spec for spec in self.classes}, class_name, "class_name")

    def check_numbers(self, network: str, known: int | None) -> None:
        """Refuse a network whose class numbers cannot be matched to these classes.

        Args:
            network: Name of the network in the error message.
            known: Number of classes that it knows by number; None if it knows them by name.

        Raises:
            ValueError: If there is no class table and the network has another number of classes.
        """
        if self.listed and known is not None and known != len(self.classes):
            raise ValueError(
                f"classes: expected a class table with the numbers of the {len(self.classes)} "
                f"classes among the {known} classes of {network}, got no table; name one with "
                "--params classes=TABLE (folder, class index and class name, separated by tabs)"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as stored in `benchmark.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Benchmark:
        """Rebuild a benchmark from the values that `to_dict` returned."""
        return cls(**{**values, "classes": tuple(ClassSpec(**spec) for spec in values["classes"])})
