"""Images that a teacher expects of its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from mgd3_kedro.matching.batch_norm import batch_norm_distances
from mgd3_kedro.matching.pixels import OptimisedImages
from mgd3_kedro.matching.sre2l import Sre2lConfig, invert_teacher
from mgd3_kedro.pipelines.guided_generate.plan import Common, Plan, build_settings
from mgd3_kedro.pipelines.guided_generate.procedures.pixels import FACTS, Making
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import (
    Schooling,
    Teacher,
    teacher_at,
)
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.stages import LoadedTask, Made

LABELS_AT_ONCE = 100
"""Images whose statistics are compared with those of the training set."""


@dataclass(frozen=True)
class Inversion:
    """Settings of images that a teacher expects.

    Args:
        config: How images are found.
        making: What images are wanted.
        schooling: What the teacher sees.
    """

    config: Sre2lConfig
    making: Making
    schooling: Schooling


def plan_inversion(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan images that a teacher expects; a hundred classes together.

    Source: SRe2L (arXiv 2306.13092).
    """
    schooling = Schooling.of(common)

    def try_teacher(folder: ModelFolder) -> None:
        with batch_norm_distances(teacher_at(folder, schooling).network):
            pass

    return Plan(
        invert_classes,
        Inversion(build_settings(Sre2lConfig, settings), Making.of(common), schooling),
        (*FACTS, "teacher"),
        group_size=LABELS_AT_ONCE,
        try_teacher=try_teacher,
    )


def invert_classes(batch: Mapping[str, LoadedTask], settings: Inversion) -> dict[str, Made]:
    """Find the images of some classes, and of those whose statistics are compared with theirs.

    Source: SRe2L (arXiv 2306.13092), recover stage.
    """
    *_, folder = next(iter(batch.values())).inputs
    teacher = teacher_at(folder, settings.schooling)
    found: dict[int, OptimisedImages] = {}
    made = {}
    for wnid, task in batch.items():
        *facts, _ = task.inputs
        group, place = divmod(task.about.label, LABELS_AT_ONCE)
        if group not in found:
            found[group] = _invert_group(teacher, group, settings)
        images, losses = found[group]
        made[wnid] = settings.making.describe(
            images[place], task.about, facts, settings.config, losses
        )
    return made


def _invert_group(teacher: Teacher, group: int, settings: Inversion) -> OptimisedImages:
    """Find (n, ipc, 3, S, S), of up to a hundred classes: one of each after the other."""
    first = group * LABELS_AT_ONCE
    classes = settings.schooling.classes[first : first + LABELS_AT_ONCE]
    ipc = settings.making.distillation.ipc
    wanted = torch.tensor([spec.label for spec in classes]).repeat(ipc)
    parts = [
        invert_teacher(
            teacher.network,
            labels,
            settings.schooling.size,
            settings.config,
            settings.making.generator(group, number),
        )
        for number, labels in enumerate(wanted.split(LABELS_AT_ONCE))
    ]
    images = torch.cat([part.images for part in parts])
    losses = torch.stack([part.losses for part in parts])
    return OptimisedImages(images.unflatten(0, (ipc, len(classes))).transpose(0, 1), losses.mean(0))
