"""The values that flow between stages; each refuses wrong shapes at birth.

Letters of shapes: B batch, N images of a class, K modes, C channels, H height, W width,
D flattened latent size.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

Member = TypeVar("Member")

RUN_KEYS = ("benchmark", "ipc", "method", "backbone", "network", "protocol", "preset", "seed")
"""What identifies a training: the leading columns of every result row."""

KNOBS = (
    "mode_finder",
    "sampler",
    "num_inference_steps",
    "guidance_scale",
    "initial_latents",
    "mode_guidance_scale",
    "stop_guidance_step",
    "coreset",
)
"""Settings of a method that result rows repeat, empty where a method does not have one."""

ROW_COLUMNS = (*RUN_KEYS, "top1_last", "top1_best", "code_version")
"""Columns every table of results starts with; accuracies in percent."""


def lookup(table: Mapping[str, Member], name: str, family: str) -> Member:
    """Return a family's member by name.

    Args:
        table: The family, name -> member.
        name: The name asked for.
        family: What a member is called in the error message, e.g. "mode finder".

    Raises:
        ValueError: If the name is unknown; the message lists the known ones.

    Source: ours.
    """
    if name in table:
        return table[name]
    raise ValueError(unknown_name(name, table, family))


def unknown_name(name: str, known: Iterable[str], family: str) -> str:
    """Word the message for a name that is not in a family, with the nearest one that is.

    Source: ours.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {family} {name!r}: expected one of {', '.join(names)}{hint}"


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse what is not one of the choices.

    Raises:
        ValueError: Listing the choices.

    Source: ours.
    """
    if value not in (known := tuple(choices)):
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")


def check_range(
    name: str,
    value: float,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    low_open: bool = False,
) -> None:
    """Refuse a number outside [low, high], or (low, high] with `low_open`.

    Raises:
        ValueError: If the value is no finite number of the interval.

    Source: ours.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (
        not is_number
        or not math.isfinite(value)
        or not low <= value <= high
        or (low_open and value == low)
    ):
        opening = "(" if low_open or low == -math.inf else "["
        closing = ")" if high == math.inf else "]"
        raise ValueError(
            f"{name}: expected a number in {opening}{low}, {high}{closing}, got {value!r}"
        )


def check_count(name: str, value: int, low: int = 1, high: float = math.inf) -> None:
    """Refuse what is not a whole number of [low, high].

    Raises:
        ValueError: Naming the setting.

    Source: ours.
    """
    check_range(name, value, low, high)
    if not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, got {value!r}")


def seeded_generator(*key: int) -> torch.Generator:
    """Return a generator that is a function of the whole key.

    PyTorch keeps only the low 32 bits of a seed, so numbers cannot simply be shifted together.

    Args:
        key: Non-negative numbers.

    Source: numpy's SeedSequence.
    """
    # SeedSequence takes a number as so many 32-bit words as it needs: (2**32, 0) would be (0, 1).
    high = [number >> 32 for number in key]
    words = [*(number & 0xFFFFFFFF for number in key), *high] if any(high) else key
    seed = np.random.SeedSequence(words).generate_state(1)[0]
    return torch.Generator().manual_seed(int(seed))


def neutral() -> Any:
    """Mark a setting that changes speed or place but no result, so that it invalidates nothing.

    Source: ours.
    """
    return field(metadata={"neutral": True})


def is_neutral(setting: Field[Any]) -> bool:
    """Tell whether a field was marked by `neutral`.

    Source: ours.
    """
    return bool(setting.metadata.get("neutral", False))


@dataclass(frozen=True)
class ClassSpec:
    """One class of a benchmark: the four names that must never be mixed up.

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
    """A labelled image set: its name, image side in pixels, and classes in label order.

    Raises:
        ValueError: If there is no class, labels are not 0..n-1 in order, or a folder repeats.
    """

    name: str
    image_size: int
    classes: tuple[ClassSpec, ...]

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError(f"benchmark {self.name!r}: expected at least one class, got none")
        labels = [spec.label for spec in self.classes]
        if labels != list(range(len(labels))):
            raise ValueError(
                f"benchmark {self.name!r}: expected labels 0..n-1 in order, got {labels}"
            )
        wnids = [spec.wnid for spec in self.classes]
        repeated = sorted({wnid for wnid in wnids if wnids.count(wnid) > 1})
        if repeated:
            raise ValueError(
                f"benchmark {self.name!r}: expected each folder once, got {repeated} again"
            )

    @property
    def wnids(self) -> tuple[str, ...]:
        """Folder names in label order."""
        return tuple(spec.wnid for spec in self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as stored in `benchmark.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Benchmark:
        """Rebuild a benchmark from what `to_dict` gave."""
        classes = tuple(ClassSpec(**spec) for spec in values["classes"])
        return cls(name=values["name"], image_size=values["image_size"], classes=classes)


@dataclass(frozen=True)
class LatentSet:
    """Scaled latents of one class.

    Args:
        latents: (N, C, H, W), float32, autoencoder mean times its scaling factor.

    Raises:
        ValueError: If the shape is not (N, C, H, W) with N > 0, or a value is not finite.
    """

    latents: torch.Tensor

    def __post_init__(self) -> None:
        check_latents("latents", self.latents)


@dataclass(frozen=True)
class ModeSet:
    """The modes of one class.

    Args:
        modes: (K, C, H, W), float32, in scaled latent space; image i is guided to mode i.
        assignment: (N,), int64, the mode each real latent belongs to, -1 for none.
        nearest_real: (K,), int64, the real latent nearest to each mode.
        inertia: Sum of squared distances of the assigned latents to their modes.

    Raises:
        ValueError: If shapes disagree or a mode is not finite.
    """

    modes: torch.Tensor
    assignment: torch.Tensor
    nearest_real: torch.Tensor
    inertia: float

    def __post_init__(self) -> None:
        check_latents("modes", self.modes)
        count = len(self.modes)
        if self.assignment.ndim != 1:
            raise ValueError(f"assignment: expected shape (N,), got {tuple(self.assignment.shape)}")
        if self.nearest_real.shape != (count,):
            raise ValueError(
                f"nearest_real: expected shape ({count},), got {tuple(self.nearest_real.shape)}"
            )

    @property
    def member_counts(self) -> torch.Tensor:
        """Number of real latents of each mode, (K,)."""
        members = self.assignment[self.assignment >= 0]
        return torch.bincount(members, minlength=len(self.modes))


@dataclass(frozen=True)
class DenoisingStep:
    """What a backbone says about one reverse step, before any noise or guidance is added.

    Args:
        prev_mean: Mean of the previous sample, (B, C, H, W).
        std: Standard deviation of the step, broadcastable to (B, C, H, W); 0 where the step is
            deterministic.
        pred_original_sample: The clean sample this step predicts, (B, C, H, W).
        pull: Weight with which guidance of the clean sample enters the mean, broadcastable to
            (B, C, H, W).
    """

    prev_mean: torch.Tensor
    std: torch.Tensor
    pred_original_sample: torch.Tensor
    pull: torch.Tensor


def check_latents(name: str, latents: torch.Tensor) -> None:
    """Refuse what is not a non-empty, finite (N, C, H, W) tensor.

    Raises:
        ValueError: With the shape or the number of non-finite samples found.

    Source: ours.
    """
    if latents.ndim != 4 or len(latents) == 0:
        raise ValueError(
            f"{name}: expected shape (N, C, H, W) with N > 0, got {tuple(latents.shape)}"
        )
    finite = torch.isfinite(latents).flatten(1).all(1)
    if not finite.all():
        raise ValueError(
            f"{name}: expected finite values, got {int((~finite).sum())} of {len(latents)} samples "
            "with NaN or infinity; check the images and the autoencoder's precision"
        )


@dataclass(frozen=True)
class Partition:
    """One class of an artefact, not loaded yet.

    Args:
        load: Reads the value; picklable.
        fingerprint: Identity of the content.
        count: Number of samples.
        seconds: Time it took to make.
        metrics: What was measured while it was made.
        rows: Facts about each sample, written down while it was made.
    """

    load: Callable[[], Any]
    fingerprint: str
    count: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Made:
    """A value a stage has computed for one class.

    Args:
        value: What the dataset writes.
        count: Number of samples in it.
        metrics: What was measured, by name.
        rows: Facts about each sample.
    """

    value: Any
    count: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Task:
    """What one class of a stage is computed from.

    Args:
        inputs: Partitions of other artefacts.
        about: Plain facts of this class alone.
    """

    inputs: tuple[Partition, ...]
    about: Any = None


@dataclass(frozen=True)
class LoadedTask:
    """A task whose inputs are in memory."""

    inputs: tuple[Any, ...]
    about: Any


@dataclass(frozen=True)
class Stage:
    """A computation over classes that has not run yet; the dataset that keeps it runs it.

    Args:
        function: Computes some classes at once: (wnid -> loaded task, settings) -> wnid -> made.
        tasks: wnid -> task.
        settings: Plain facts or a dataclass, the same for all classes.
        group_size: Classes that one call gets; a call's results are written together.
    """

    function: Callable[[Mapping[str, LoadedTask], Any], Mapping[str, Made]]
    tasks: Mapping[str, Task]
    settings: Any
    group_size: int = 1


@dataclass(frozen=True)
class ModelFolder:
    """Weights on disk.

    Args:
        path: Folder in diffusers' format.
        fingerprint: Identity of the content.
    """

    path: Path
    fingerprint: str
