"""Images of a class in increments, each chosen by what a network learned from those before."""

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
    """How the images of a class are divided, and which draws they are chosen from.

    Args:
        ipc: Images per class.
        size: Of an increment, but of the last one, which may be smaller.
        kappa: Draws that an image is chosen from; those of the first increment are kept as they
            are.
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
        """Number of draws of every mode, for all increments together."""
        return 1 + (self.count - 1) * self.kappa

    def draws_of(self, number: int) -> range:
        """Return the draws that an increment is chosen from; whatever `ipc` is, they are the same.

        Args:
            number: Of the increment, counted from 1.
        """
        first = 1 + (number - 2) * self.kappa
        return range(1) if number == 1 else range(first, first + self.kappa)

    def places(self, number: int, modes: int) -> int:
        """Return how many images of a class an increment has: one for each of the first modes.

        Args:
            number: Of the increment, counted from 1.
            modes: Of the class: `size`, where classes have as many real images and are alike.
        """
        left = min(self.size, self.ipc - (number - 1) * self.size)
        return max(1, (2 * modes * left + self.size) // (2 * self.size))


@dataclass(frozen=True)
class IncrementsConfig:
    """How images are drawn in increments, and which of them are kept.

    Args:
        draws: How they are drawn: settings of a method that denoises.
        increment_size: Images of a class in an increment, which has a mode for each; all increments
            have the same.
        kappa: Draws that an image is chosen from, see `Increments`.
        omega: Weight of the teacher, see `measure_learnability`.

    Raises:
        ValueError: Naming the setting that does not fit.
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
        """Return the increments of a class with so many images."""
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
    """Return what increments are drawn from, and judged by; one alone is judged by nothing.

    Raises:
        ValueError: If a setting is unknown, missing or does not fit.
    """
    config = read_increments(settings)
    drawn = needs_of_denoising(config.draws, parameters)
    count = config.of(parameters["ipc"]).count
    judged = Needs.of(("prior", "teacher"), ("autoencoder", *TEACHING))
    return drawn if count == 1 else drawn._replace(comparison=judged, increments=count)


def plan_increments(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan the draws of every class; where one increment is all, its images.

    Raises:
        ValueError: If a setting is unknown, missing or does not fit.

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
    """Return what methods share, for a data set that is an increment, or less."""
    ipc = min(size, common.distillation.ipc)
    return common._replace(distillation=replace(common.distillation, ipc=ipc))
