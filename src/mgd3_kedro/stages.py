"""Stages, which are computations over classes: inputs, results and what invalidates results."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any


def neutral() -> Any:
    """Mark a setting that changes speed or location but no result, so that it invalidates none."""
    return field(metadata={"neutral": True})


def is_neutral(setting: Field[Any]) -> bool:
    """Tell whether a field was marked by `neutral`."""
    return bool(setting.metadata.get("neutral", False))


def selecting() -> Any:
    """Mark a setting that selects which partitions are computed, and changes none of them."""
    return field(metadata={"selecting": True})


def is_selecting(setting: Field[Any]) -> bool:
    """Tell whether a field was marked by `selecting`."""
    return bool(setting.metadata.get("selecting", False))


def off_at(value: Any, **options: Any) -> Any:
    """Mark a setting that has no effect at a value, so that results older than it stay valid.

    Args:
        value: Value at which the setting is off.
        options: Arguments of `dataclasses.field`, such as a default.
    """
    return field(metadata={"off": value}, **options)


def is_off(setting: Field[Any], value: Any) -> bool:
    """Tell whether a field is off at this value, as marked by `off_at`."""
    return "off" in setting.metadata and bool(setting.metadata["off"] == value)


def deciding_settings(settings: Any) -> dict[str, Any]:
    """Return name -> value of the fields that results depend on, without those that are off."""
    plain = plain_settings(settings)
    off = {of.name for of in fields(settings) if is_off(of, getattr(settings, of.name))}
    return {name: value for name, value in plain.items() if name not in off}


def plain_settings(settings: Any) -> dict[str, Any]:
    """Return name -> value of the fields of a dataclass that results depend on."""
    kept = (field for field in fields(settings) if not is_neutral(field))
    return {field.name: getattr(settings, field.name) for field in kept}


GIVEN = "given"
"""Configuration of images that this project did not make."""
RESIZED = "by PyTorch, antialiased, on bytes"
"""How image files are resized. It is part of the identity of images that are resized; change it if
resizing gives other pixels."""


@dataclass(frozen=True)
class Partition:
    """One class of an artefact, not loaded yet.

    Args:
        load: Reads the value; picklable.
        fingerprint: Identity of the content.
        count: Number of samples.
        seconds: Seconds that it took to make.
        peak_memory_mb: Peak memory of the process that made it, in MB; 0 if unknown.
        metrics: Values measured while it was made.
        rows: Facts about each sample, written while it was made.
        configuration: Digest of how it was made, independent of seeds and real images; empty if
            unknown.
        environment: Libraries and device it was made with, as `name=value` words; empty if unknown.
        command: Command of the run that made it; empty if unknown.
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
    """Return twelve hexadecimal digits that identify the contents of some partitions."""
    contents = " ".join(partition.fingerprint for partition in partitions)
    return hashlib.sha256(contents.encode()).hexdigest()[:12]


SMALL_IMAGES = "small_images_per_image"
"""Fact about an image: number of small images that replace one image; 1 if it is missing."""


def small_images_per_image(images: Sequence[Partition]) -> int:
    """Return the number of small images that replace each requested image."""
    told = [row.get(SMALL_IMAGES, 1) for partition in images for row in partition.rows[:1]]
    return max(told, default=1)


def images_per_class(images: Sequence[Partition]) -> int:
    """Return the images per class that were requested, or else the number in the largest class."""
    made = [row["ipc"] for partition in images for row in partition.rows[:1] if "ipc" in row]
    return max(made or [partition.count for partition in images])


@dataclass(frozen=True)
class Made:
    """A value a stage has computed for one class.

    Args:
        value: Value that the dataset writes.
        count: Number of samples in it.
        metrics: Measured values by name.
        rows: Facts about each sample.
        seconds_before: Seconds that earlier calls spent on work that this call resumed.
    """

    value: Any
    count: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()
    seconds_before: float = 0.0


@dataclass(frozen=True)
class Task:
    """The inputs from which a stage computes one class.

    Args:
        inputs: Name -> a partition of another artefact, or a tuple of them; after loading, their
            values.
        about: Plain facts about this class only.
    """

    inputs: Mapping[str, Any]
    about: Any = None

    @property
    def partitions(self) -> Iterator[tuple[str, Partition]]:
        """Every partition of a task that is not loaded yet, as (name of its input, partition)."""
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
        function: Computes some classes at once: (wnid -> loaded task, settings) -> wnid -> made.
        tasks: wnid -> task.
        settings: Plain values or a dataclass, the same for all classes.
        group_size: Number of classes per call; the results of a call are written together.
    """

    function: Callable[[Mapping[str, Task], Any], Mapping[str, Made]]
    tasks: Mapping[str, Task]
    settings: Any
    group_size: int = 1
