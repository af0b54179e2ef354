"""Images in increments; a student trained on earlier increments chooses the next one (LGD)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.named_settings import without_parameters
from mgd3_kedro.pipelines.guided_generate.plan import Common, GenerationPlan, Needs, build_settings
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import (
    needs_of_denoising,
    plan_denoising,
)
from mgd3_kedro.pipelines.guided_generate.procedures.groups import plan_draws
from mgd3_kedro.pipelines.guided_generate.procedures.settings import (
    TEACHING,
    TeacherInput,
    check_draws,
)
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at


@dataclass(frozen=True)
class Increments:
    """Division of the images of a class into increments, with the candidates of each.

    Args:
        ipc: Images per class.
        size: Images per class in an increment; the last increment may be smaller.
        kappa: Number of candidates for each image; the first increment has one candidate.
    """

    ipc: int
    size: int
    kappa: int

    @property
    def count(self) -> int:
        """Number of increments."""
        return math.ceil(self.ipc / self.size)

    @property
    def draws(self) -> int:
        """Number of samples per mode, for all increments together."""
        return 1 + (self.count - 1) * self.kappa

    def draws_of(self, number: int) -> range:
        """Return the numbers of the candidates of an increment; they do not depend on `ipc`.

        Args:
            number: Number of the increment, counted from 1.
        """
        first = 1 + (number - 2) * self.kappa
        return range(1) if number == 1 else range(first, first + self.kappa)

    def places(self, number: int, modes: int) -> int:
        """Return the number of images of a class in an increment: one for each of the first modes.

        Args:
            number: Number of the increment, counted from 1.
            modes: Number of modes of the class: `size`, or another number for a class with few
                real images or with unequal `balance`.
        """
        left = min(self.size, self.ipc - (number - 1) * self.size)
        return max(1, (2 * modes * left + self.size) // (2 * self.size))


@dataclass(frozen=True)
class IncrementsConfig:
    """Configuration of the sampling and the choice of increments.

    Args:
        draws: Settings of a method with the procedure `denoise`.
        increment_size: Images per class in an increment, and number of modes; all increments use
            the same modes.
        kappa: Number of candidates for each image, see `Increments`.
        omega: Weight of the teacher, see `measure_learnability`.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    draws: Mapping[str, Any]
    increment_size: int
    kappa: int
    omega: float

    def __post_init__(self) -> None:
        check_draws(self.draws)
        check_count("increment_size", self.increment_size)
        check_count("kappa", self.kappa)
        check_range("omega", self.omega, 0)

    def of(self, ipc: int) -> Increments:
        """Return the increments of a class with `ipc` images."""
        return Increments(ipc, self.increment_size, self.kappa)


def read_increments(settings: Mapping[str, Any]) -> IncrementsConfig:
    """Read the settings of a method, with or without its procedure.

    Raises:
        ValueError: If a setting is unknown, missing or does not fit.
    """
    own = without_parameters(settings)
    own.pop("procedure", None)
    return build_settings(IncrementsConfig, own)


def needs_of_increments(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of sampling and choice; a single increment needs no choice.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.
    """
    config = read_increments(settings)
    drawn = needs_of_denoising(config.draws, parameters)
    count = config.of(parameters["ipc"]).count
    judged = Needs.of(("prior", "teacher"), ("autoencoder", *TEACHING))
    return drawn if count == 1 else drawn._replace(comparison=judged, increments=count)


def plan_increments(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan the candidates of every class, or its images if there is only one increment.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.

    Source: LGD (arXiv 2604.00519), without its guidance.
    """
    config = read_increments(settings)
    increments = config.of(common.distillation.ipc)
    drawn = plan_draws(config.draws, increments.draws, of_increment(common, config.increment_size))
    if increments.count == 1:
        return plan_denoising(config.draws, common)
    judge = partial(teacher_at, schooling=TeacherInput.of(common))
    return drawn._replace(try_teacher=judge, images_each=config.increment_size)


def of_increment(common: Common, size: int) -> Common:
    """Return shared settings with the ipc of one increment.

    Args:
        common: Settings that methods share.
        size: Images per class in an increment; ipc is the smaller one of both.
    """
    ipc = min(size, common.distillation.ipc)
    return common._replace(distillation=replace(common.distillation, ipc=ipc))
