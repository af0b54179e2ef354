"""Images put together from crops of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mgd3_kedro.checks import check_count
from mgd3_kedro.matching.mosaics import check_divisible
from mgd3_kedro.matching.rded import RdedConfig, cut_crops
from mgd3_kedro.pipelines.guided_generate.plan import Common, Plan, build_settings
from mgd3_kedro.pipelines.guided_generate.procedures.pixels import FACTS, Making
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import Schooling, teacher_at
from mgd3_kedro.stages import LoadedTask, Made


@dataclass(frozen=True)
class Cropping:
    """Settings of images put together from crops.

    Args:
        config: How crops are cut and tiled.
        making: What images are wanted.
        schooling: What the teacher that judges crops sees.
    """

    config: RdedConfig
    making: Making
    schooling: Schooling


def plan_crops(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan mosaics of real images.

    Source: RDED (arXiv 2312.03526).
    """
    config = build_settings(RdedConfig, settings)
    check_divisible(common.image_size, config.factor)
    crops = common.distillation.ipc * config.factor**2
    check_count("candidates", config.candidates, crops)
    schooling = Schooling.of(common)
    return Plan(
        cut_classes,
        Cropping(config, Making.of(common), schooling),
        (*FACTS, "images", "teacher"),
        try_teacher=partial(teacher_at, schooling=schooling),
        least_images=crops,
    )


def cut_classes(batch: Mapping[str, LoadedTask], settings: Cropping) -> dict[str, Made]:
    """Put the most typical crops of every class together.

    Source: RDED (arXiv 2312.03526), section 4.
    """
    config, making = settings.config, settings.making
    made = {}
    for wnid, task in batch.items():
        *facts, images, folder = task.inputs
        spec = task.about
        teacher = teacher_at(folder, settings.schooling)
        score = partial(teacher.cross_entropy, label=spec.label)
        generator = making.generator(spec.class_index)
        cut = cut_crops(images, making.distillation.ipc, score, config, generator)
        made[wnid] = making.describe(cut.images, spec, facts, config)
    return made
