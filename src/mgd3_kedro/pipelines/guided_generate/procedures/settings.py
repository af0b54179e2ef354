"""Settings that several procedures share."""

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
"""Parameters that a method with a teacher needs."""


def check_draws(settings: Any) -> None:
    """Check the nested settings `draws` of a method that samples by the procedure `denoise`.

    Such methods do not support multi-formation.

    Raises:
        ValueError: If the value is not a mapping, or has `factor`.
    """
    if not isinstance(settings, Mapping):
        raise ValueError(f"draws: expected settings of a method, got {settings!r}")
    if FACTOR in settings:
        raise ValueError(
            f"draws.{FACTOR}: expected no such setting, as these images are not made of "
            f"smaller ones, got {settings[FACTOR]}; remove it"
        )


@dataclass(frozen=True)
class TeacherInput:
    """Settings of a teacher: classes, input size and device.

    Args:
        classes: Classes of the benchmark.
        size: Side of the teacher's input, in pixels.
        device: Name of the device.
    """

    classes: tuple[ClassSpec, ...]
    size: int
    device: str = neutral()

    @classmethod
    def of(cls, common: Common) -> TeacherInput:
        """Return the settings of the teacher from the shared settings.

        Raises:
            ValueError: If a shared setting is missing.
        """
        return cls(common.classes, common.part("teacher_size"), common.part("device"))


@dataclass(frozen=True)
class MethodSettings:
    """Settings of a method without a diffusion model.

    Args:
        config: Configuration of the method, a dataclass.
        distillation: Images per class and seed.
    """

    config: Any
    distillation: DistillationConfig

    def generator(self, *key: int) -> torch.Generator:
        """Return a generator that depends on the data set's seed and a key."""
        return seeded_generator(self.distillation.seed, *key)


@dataclass(frozen=True)
class TeacherMethodSettings(MethodSettings):
    """Settings of a method with a teacher.

    Args:
        schooling: Settings of the teacher.
    """

    schooling: TeacherInput


@dataclass(frozen=True)
class Denoising:
    """Settings of images that are sampled from a backbone.

    Args:
        image_size: Side of the benchmark's images, in pixels.
        diffusion: Configuration of the backbone.
        autoencoder: Configuration of the autoencoder.
        sampling: Start and guidance of sampling.
        distillation: Images per class and seed.
        mode_finder: Name of the mode finder.
        schooling: Settings of the teacher; None without a teacher.
        among: Classes of the benchmark, if sampling also conditions on other classes; else empty.
        factor: Factor of `MultiFormation`.

    Raises:
        ValueError: If images of a class depend on each other and do not fit into one batch; if
            they would be sampled both together and one after the other; or if the conditioning
            needs to change a compiled network.
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
                f"{' and '.join(tied)}: expected only one of them, as one needs the images of a "
                "class drawn together and another needs them drawn one after the other, got all; "
                "switch the others off"
            )

    @property
    def formation(self) -> MultiFormation:
        """Multi-formation of the images."""
        return MultiFormation(self.factor)

    @classmethod
    def of(
        cls,
        common: Common,
        sampling: SamplingConfig,
        schooling: TeacherInput | None = None,
        formation: MultiFormation = WHOLE,
    ) -> Denoising:
        """Return the settings: shared settings, with the given sampling, teacher and formation.

        Raises:
            ValueError: If a shared setting is missing, or the settings are invalid.
        """
        own: dict[str, Any] = {
            "sampling": sampling,
            "mode_finder": common.part("modes").mode_finder,
            "schooling": schooling,
            "among": common.classes if sampling.mixes_classes else (),
            "factor": formation.factor,
        }
        names = [field.name for field in fields(cls) if field.name not in own]
        return cls(**{name: common.part(name) for name in names}, **own)
