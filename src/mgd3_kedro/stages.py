"""A computation over classes: what it is given, what it gives, and what invalidates it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any


def neutral() -> Any:
    """Mark a setting that changes speed or place but no result, so that it invalidates nothing."""
    return field(metadata={"neutral": True})


def is_neutral(setting: Field[Any]) -> bool:
    """Tell whether a field was marked by `neutral`."""
    return bool(setting.metadata.get("neutral", False))


def selecting() -> Any:
    """Mark a setting that says which partitions are asked for, and changes none of them."""
    return field(metadata={"selecting": True})


def is_selecting(setting: Field[Any]) -> bool:
    """Tell whether a field was marked by `selecting`."""
    return bool(setting.metadata.get("selecting", False))


def off_at(value: Any, **options: Any) -> Any:
    """Mark a setting that changes nothing at a value: results from before it was there stay valid.

    Args:
        value: At which it is off.
        options: Of `dataclasses.field`, as a default.
    """
    return field(metadata={"off": value}, **options)


def is_off(setting: Field[Any], value: Any) -> bool:
    """Tell whether a field was marked by `off_at` with this value."""
    return "off" in setting.metadata and bool(setting.metadata["off"] == value)


def deciding_settings(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that results depend on, without those that are off."""
    plain = plain_settings(settings)
    off = {of.name for of in fields(settings) if is_off(of, getattr(settings, of.name))}
    return {name: value for name, value in plain.items() if name not in off}


def plain_settings(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that results depend on."""
    kept = (field for field in fields(settings) if not is_neutral(field))
    return {field.name: getattr(settings, field.name) for field in kept}


GIVEN = "given"
"""Configuration of images that nothing here has made."""
RESIZED = "by PyTorch, antialiased, on bytes"
"""How files of images are resized: part of the identity of those of which some are. To be changed
when they would have other pixels."""


@dataclass(frozen=True)
class Partition:
    """One class of an artefact, not loaded yet.

    Args:
        load: Reads the value; picklable.
        fingerprint: Identity of the content.
        count: Number of samples.
        seconds: Time it took to make.
        peak_memory_mb: What the process that made it held at most; 0 if that is not known.
        metrics: What was measured while it was made.
        rows: Facts about each sample, written down while it was made.
        configuration: Identity of how it was made, whatever the seeds and the real images; empty if
            that is not known.
        environment: Libraries and device it was made with, as `name=value` words; empty if unknown.
        command: Of the run that made it; empty if unknown.
    """

    load: Callable[[], Any]
    fingerprint: str
    count: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    configuration: str = ""
    environment: str = ""
    command: str = ""
    peak_memory_mb: float = 0.0


def name_together(partitions: Iterable[Partition]) -> str:
    """Return twelve digits that tell the content of some partitions from any other."""
    contents = " ".join(partition.fingerprint for partition in partitions)
    return hashlib.sha256(contents.encode()).hexdigest()[:12]


SMALL_IMAGES = "small_images_per_image"
"""Fact about an image: how many of its kind are in the place of one; 1 where it is not told."""


def small_images_per_image(images: Sequence[Partition]) -> int:
    """Return how many images are in the place of each that was asked for."""
    told = [row.get(SMALL_IMAGES, 1) for partition in images for row in partition.rows[:1]]
    return max(told, default=1)


def images_per_class(images: Sequence[Partition]) -> int:
    """Return the images per class: what they were made for, or how many the largest class has."""
    made = [row["ipc"] for partition in images for row in partition.rows[:1] if "ipc" in row]
    return max(made or [partition.count for partition in images])


@dataclass(frozen=True)
class Made:
    """A value a stage has computed for one class.

    Args:
        value: What the dataset writes.
        count: Number of samples in it.
        metrics: What was measured, by name.
        rows: Facts about each sample.
        seconds_before: Time spent in earlier calls on what this one took up again.
    """

    value: Any
    count: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()
    seconds_before: float = 0.0


@dataclass(frozen=True)
class Task:
    """What one class of a stage is computed from.

    Args:
        inputs: Name -> a partition of another artefact, or a tuple of them; their values, once they
            are loaded.
        about: Plain facts of this class alone.
    """

    inputs: Mapping[str, Any]
    about: Any = None

    @property
    def partitions(self) -> Iterator[tuple[str, Partition]]:
        """Every partition of a task that is not loaded yet, with the name of its input."""
        for name, given in sorted(self.inputs.items()):
            for partition in given if isinstance(given, tuple) else (given,):
                yield name, partition

    def loaded(self) -> Task:
        """Return the same task with its inputs in memory."""
        return Task({name: _load(given) for name, given in self.inputs.items()}, self.about)


def _load(given: Partition | tuple[Partition, ...]) -> Any:
    return tuple(map(_load, given)) if isinstance(given, tuple) else given.load()


@dataclass(frozen=True)
class Stage:
    """A computation over classes that has not run yet; the dataset that keeps it runs it.

    Args:
        function: Computes some classes at once: (wnid -> task in memory, settings) -> wnid -> made.
        tasks: wnid -> task.
        settings: Plain facts or a dataclass, the same for all classes.
        group_size: Classes that one call gets; a call's results are written together.
    """

    function: Callable[[Mapping[str, Task], Any], Mapping[str, Made]]
    tasks: Mapping[str, Task]
    settings: Any
    group_size: int = 1
