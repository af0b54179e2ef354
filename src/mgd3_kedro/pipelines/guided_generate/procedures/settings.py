"""Settings that images depend on, of several procedures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig
from mgd3_kedro.pipelines.guided_generate.procedures.multi_formation import (
    FACTOR,
    WHOLE,
    MultiFormation,
)
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.sampling.conditionings import refuse_compiled
from mgd3_kedro.stages import neutral, off_at

TEACHING = ("evaluation.image_size", "device")
"""Parameters that are read where a teacher is asked."""


def check_draws(settings: Any) -> None:
    """Refuse what is no group of settings where a method has those of another that it draws by.

    Draws that others choose from, or that are put beside others, are whole images.

    Raises:
        ValueError: Saying what came.
    """
    if not isinstance(settings, Mapping):
        raise ValueError(f"draws: expected settings of a method, got {settings!r}")
    if FACTOR in settings:
        raise ValueError(
            f"draws.{FACTOR}: expected none, as these images are whole, got {settings[FACTOR]}"
        )


@dataclass(frozen=True)
class TeacherInput:
    """What a teacher sees, and where.

    Args:
        classes: Of the benchmark.
        size: Side of images, in pixels.
        device: Name of the device.
    """

    classes: tuple[ClassSpec, ...]
    size: int
    device: str = neutral()

    @classmethod
    def of(cls, common: Common) -> TeacherInput:
        """Take it from what all methods share."""
        return cls(common.classes, common.part("teacher_size"), common.part("device"))


@dataclass(frozen=True)
class MethodSettings:
    """Settings of images that no diffusion model draws.

    Args:
        config: How they are made, a dataclass.
        distillation: Images per class and seed.
    """

    config: Any
    distillation: DistillationConfig

    def generator(self, *key: int) -> torch.Generator:
        """Return a generator that is a function of the seed and a key."""
        return seeded_generator(self.distillation.seed, *key)


@dataclass(frozen=True)
class TeacherMethodSettings(MethodSettings):
    """Settings of images that a teacher is asked about.

    Args:
        schooling: What it sees.
    """

    schooling: TeacherInput


@dataclass(frozen=True)
class Denoising:
    """Settings of images drawn from a backbone.

    Args:
        among: The classes of the benchmark where each image is told of another, too; else none.
        factor: Of `MultiFormation`.

    Raises:
        ValueError: If images of a class that depend on each other do not fit a batch, or are to be
            drawn one after the other and together, or if a compiled network is to be changed.
    """

    image_size: int
    diffusion: BackboneConfig
    autoencoder: AutoencoderConfig
    sampling: SamplingConfig
    distillation: DistillationConfig
    mode_finder: str
    schooling: TeacherInput | None
    among: tuple[ClassSpec, ...] = off_at((), default=())
    factor: int = off_at(1, default=1)

    def __post_init__(self) -> None:
        ipc = self.distillation.ipc * self.formation.small_images
        most = self.diffusion.max_batch
        if (tied := self.sampling.joint_settings) and most < ipc:
            raise ValueError(
                f"max_batch: expected at least the {ipc} images of a class, which depend on each "
                f"other by {' and '.join(tied)}, got {most}; raise diffusion.max_batch, lower ipc, "
                "or switch that off"
            )
        refuse_compiled(self.diffusion.compile, self.sampling.conditioning)
        if self.sampling.in_turn and len(tied) > 1:
            raise ValueError(
                f"{' and '.join(tied)}: expected one of them, as images of a class are drawn "
                "together with one, and one after the other with another; got all"
            )

    @property
    def formation(self) -> MultiFormation:
        """What the pixels of an image are spent on."""
        return MultiFormation(self.factor)

    @classmethod
    def of(
        cls,
        common: Common,
        sampling: SamplingConfig,
        schooling: TeacherInput | None = None,
        formation: MultiFormation = WHOLE,
    ) -> Denoising:
        """Take them from what all methods share, but for how samples are drawn and chosen."""
        own: dict[str, Any] = {
            "sampling": sampling,
            "mode_finder": common.part("modes").mode_finder,
            "schooling": schooling,
            "among": common.classes if sampling.mixes_classes else (),
            "factor": formation.factor,
        }
        names = [field.name for field in fields(cls) if field.name not in own]
        return cls(**{name: common.part(name) for name in names}, **own)
