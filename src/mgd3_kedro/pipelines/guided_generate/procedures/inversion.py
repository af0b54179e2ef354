"""Images made by inversion of a teacher (SRe2L)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mgd3_kedro.matching.batch_norm import batch_norm_distances
from mgd3_kedro.matching.pixels import OptimisedImages
from mgd3_kedro.matching.sre2l import Sre2lConfig, invert_teacher
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
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import Teacher, teacher_at
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.stages import Made, Task

LABELS_AT_ONCE = 100
"""Images per batch; the batch's statistics are compared with those of the training set."""


SOURCES: tuple[Source, ...] = ("teacher",)


def needs_of_inversion(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of teacher inversion."""
    return Needs.of(SOURCES, TEACHING)


def plan_inversion(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan images by teacher inversion, a hundred classes per call.

    Raises:
        ValueError: If `balance` is not "equal", because the method reads no real images; or if a
            setting is unknown, missing or invalid.

    Source: SRe2L (arXiv 2306.13092).
    """
    schooling = TeacherInput.of(common)
    if (balance := common.distillation.balance) != "equal":
        raise ValueError(
            "balance: expected equal, as this method does not read train images, got "
            f"{balance}; set balance=equal"
        )

    def try_teacher(folder: ModelFolder) -> None:
        with batch_norm_distances(teacher_at(folder, schooling).network):
            pass

    return GenerationPlan(
        invert_classes,
        TeacherMethodSettings(
            build_settings(Sre2lConfig, settings), common.distillation, schooling
        ),
        SOURCES,
        group_size=LABELS_AT_ONCE,
        try_teacher=try_teacher,
    )


def invert_classes(batch: Mapping[str, Task], settings: TeacherMethodSettings) -> dict[str, Made]:
    """Optimise the images of the groups of a hundred classes that the batch belongs to.

    Source: SRe2L (arXiv 2306.13092), recover stage.
    """
    teacher = teacher_at(next(iter(batch.values())).inputs["teacher"], settings.schooling)
    found: dict[int, OptimisedImages] = {}
    made = {}
    for wnid, task in batch.items():
        spec = task.about.spec
        group, place = divmod(spec.label, LABELS_AT_ONCE)
        if group not in found:
            found[group] = _invert_group(teacher, group, settings)
        images, losses = found[group]
        made[wnid] = describe_made(images[place], spec, settings, losses)
    return made


def _invert_group(teacher: Teacher, group: int, settings: TeacherMethodSettings) -> OptimisedImages:
    """Optimise the images of up to a hundred classes, (n, ipc, 3, S, S).

    A batch has one image per class, as far as the number of classes allows.
    """
    first = group * LABELS_AT_ONCE
    classes = settings.schooling.classes[first : first + LABELS_AT_ONCE]
    ipc = settings.distillation.ipc
    wanted = torch.tensor([spec.label for spec in classes]).repeat(ipc)
    parts = [
        invert_teacher(
            teacher.network,
            labels,
            settings.schooling.size,
            settings.config,
            settings.generator(group, number),
        )
        for number, labels in enumerate(wanted.split(LABELS_AT_ONCE))
    ]
    images = torch.cat([part.images for part in parts])
    losses = torch.stack([part.losses for part in parts])
    return OptimisedImages(images.unflatten(0, (ipc, len(classes))).transpose(0, 1), losses.mean(0))
