"""The values that flow between stages; each refuses wrong shapes at birth.

Letters of shapes: B batch, N images of a class, K modes, C channels, H height, W width,
D flattened latent size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mgd3_kedro.checks import check_latents, lookup

RUN_KEYS = (
    "benchmark",
    "split",
    "image_size",
    "ipc",
    "method",
    "backbone",
    "network",
    "protocol",
    "preset",
    "seed",
)
"""What identifies a training: the leading columns of every result row.

`split` is what was tested on, `image_size` the side of what the network sees, in pixels.
"""


SETTINGS = ("settings", "configuration")
"""What tells rows with the same run keys apart: what differs from the environment, as `name=value`
words, and a digest of all that they were made with but data, seeds and code; empty if not known."""

ROW_COLUMNS = (*RUN_KEYS, *SETTINGS, "training_seed", "top1_last", "top1_best", "code_version")
"""Columns every table of results starts with; accuracies in percent."""


FINISHED = "finished"
"""Outcome of a training that is over; any other says what went wrong."""


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
    """A labelled image set.

    Args:
        name: Its name.
        image_size: Side of its images in pixels.
        classes: In label order.
        test_images_per_class: What the published test set has, None if that is not known.
        listed: Whether there is no table of the classes: an index is but a place among them.

    Raises:
        ValueError: If there is no class, labels are not 0..n-1 in order, or folders repeat or
            cannot have such a name.
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
            if wnid in ("", ".", "..") or {"/", "\\", "\0"} & set(wnid):
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
        """How many classes before each have its class index: what is drawn by that, draws by both.

        A class table may give several classes one index, as a model that knows them by name allows.
        """
        indices = [spec.class_index for spec in self.classes]
        return {spec.wnid: indices[: spec.label].count(spec.class_index) for spec in self.classes}

    def named(self, class_name: str | None) -> ClassSpec:
        """Return the class of a name; the first for None.

        Raises:
            ValueError: If there is no such class.
        """
        if class_name is None:
            return self.classes[0]
        return lookup({spec.class_name: spec for spec in self.classes}, class_name, "class_name")

    def check_numbers(self, network: str, known: int | None) -> None:
        """Refuse a network that knows classes by numbers which are not those of these classes.

        Args:
            network: What it is called in the message.
            known: How many classes it knows by number; None if it knows them by name.

        Raises:
            ValueError: If the classes have no numbers but their places, and are not as many.
        """
        if self.listed and known is not None and known != len(self.classes):
            raise ValueError(
                f"classes: expected a table that says which of its {known} classes {network} is "
                f"asked for, got {len(self.classes)} classes without one; name it with --params "
                "classes=TABLE (folder, class index and class name, separated by tabs)"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as stored in `benchmark.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Benchmark:
        """Rebuild a benchmark from what `to_dict` gave."""
        return cls(**{**values, "classes": tuple(ClassSpec(**spec) for spec in values["classes"])})


@dataclass(frozen=True)
class LatentSet:
    """Scaled latents of one class.

    Args:
        latents: (L, C, H, W), float32, autoencoder mean times its scaling factor.
        image_numbers: (L,), int64, places within the class of the images they stand for.
        mirrored: (L,), bool, whether those are mirrored.

    Raises:
        ValueError: If the shape is not (L, C, H, W) with L > 0, a value is not finite, or there are
            more or fewer numbers than latents.
    """

    latents: torch.Tensor
    image_numbers: torch.Tensor
    mirrored: torch.Tensor

    def __post_init__(self) -> None:
        check_latents("latents", self.latents)
        for name in ("image_numbers", "mirrored"):
            shape = tuple(getattr(self, name).shape)
            if shape != (len(self.latents),):
                raise ValueError(f"{name}: expected ({len(self.latents)},), got {shape}")


@dataclass(frozen=True)
class ModeSet:
    """The modes of one class.

    Args:
        modes: (K, C, H, W), float32, in scaled latent space; image i is guided to mode i.
        assignment: (N,), int64, the mode each real latent belongs to, -1 for none.
        nearest_real: (K,), int64, the real latent nearest to each mode.
        inertia: Sum of squared distances of the assigned latents to their modes.
        degenerate_clusters: Number of modes that equal another or whose cluster was found empty.
        parents: (K,), int64, the mode each was split off from, always an earlier one, -1 for the
            first; None where clusters do not nest.

    Raises:
        ValueError: If shapes disagree or a mode is not finite.
    """

    modes: torch.Tensor
    assignment: torch.Tensor
    nearest_real: torch.Tensor
    inertia: float
    degenerate_clusters: int = 0
    parents: torch.Tensor | None = None

    def __post_init__(self) -> None:
        check_latents("modes", self.modes)
        count = len(self.modes)
        if self.assignment.ndim != 1:
            raise ValueError(f"assignment: expected shape (N,), got {tuple(self.assignment.shape)}")
        if self.nearest_real.shape != (count,):
            raise ValueError(
                f"nearest_real: expected shape ({count},), got {tuple(self.nearest_real.shape)}"
            )
        if self.parents is not None and self.parents.shape != (count,):
            raise ValueError(f"parents: expected shape ({count},), got {tuple(self.parents.shape)}")

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
        clean_weight: What the mean moves by where the clean sample moves by 1.
        alpha_bar: Share of the clean sample in the variance of the noisy one, 0..1.
        index: Step index i, T-1 down to 0.
        noisy: What the step starts from, x_t, (B, C, H, W).
    """

    prev_mean: torch.Tensor
    std: torch.Tensor
    pred_original_sample: torch.Tensor
    pull: torch.Tensor
    clean_weight: float
    alpha_bar: float
    index: int
    noisy: torch.Tensor


PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
"""Suffixes of weights that are not read, as reading them can run any code."""


@dataclass(frozen=True)
class ModelFolder:
    """Weights on disk.

    Args:
        path: Folder in diffusers' format.
        fingerprint: Identity of the content.
        family: What kind of model it is: a name of `BACKBONES`.
        autoencoder: Folder of the autoencoder that takes the place of its own; None for that.
    """

    path: Path
    fingerprint: str
    family: str
    autoencoder: Path | None = None
