"""Mosaics of crops of real images (RDED)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from mgd3_kedro.checks import check_count, naming
from mgd3_kedro.matching.mosaics import check_divisible
from mgd3_kedro.matching.rded import RdedConfig, cut_crops
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    GenerationPlan,
    Needs,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.pixels import describe_made
from mgd3_kedro.pipelines.guided_generate.procedures.settings import (
    TEACHING,
    TeacherInput,
    TeacherMethodSettings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.stages import Made, Task

SOURCES: tuple[Source, ...] = ("images", "teacher")


def needs_of_crops(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of mosaics of real images."""
    return Needs.of(SOURCES, TEACHING)


def plan_crops(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan mosaics of real images.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.

    Source: RDED (arXiv 2312.03526).
    """
    config = build_settings(RdedConfig, settings)
    check_divisible(common.image_size, config.factor)
    crops = common.distillation.ipc * config.factor**2
    check_count("candidates", config.candidates, crops)
    schooling = TeacherInput.of(common)
    return GenerationPlan(
        cut_classes,
        TeacherMethodSettings(config, common.distillation, schooling),
        SOURCES,
        try_teacher=partial(teacher_at, schooling=schooling),
        real_each=config.factor**2,
        most_images=config.candidates // config.factor**2,
    )


def cut_classes(batch: Mapping[str, Task], settings: TeacherMethodSettings) -> dict[str, Made]:
    """Make mosaics of the crops of every class that the teacher classifies best.

    Source: RDED (arXiv 2312.03526), section 4.
    """
    config = settings.config
    made = {}
    for wnid, task in batch.items():
        spec, count = task.about.spec, task.about.images
        teacher = teacher_at(task.inputs["teacher"], settings.schooling)
        score = partial(teacher.cross_entropy, label=spec.label)
        generator = settings.generator(*task.about.key)
        with naming(f"class {wnid}"):
            cut = cut_crops(task.inputs["images"], count, score, config, generator)
        made[wnid] = describe_made(cut.images, spec, settings)
    return made
