"""Features by which images of a class are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.pipelines.guided_generate.plan import Source
from mgd3_kedro.pipelines.guided_generate.procedures.settings import TeacherInput
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.stages import Task


class Features(NamedTuple):
    """Features of images.

    Args:
        extract: (task, settings of the teacher or None) -> features of the images, (N, ...).
        needs: Inputs of a task in addition to the images.
    """

    extract: Callable[[Task, Any], torch.Tensor]
    needs: tuple[Source, ...] = ()


def _latents(task: Task, schooling: None) -> torch.Tensor:
    latents: torch.Tensor = task.inputs["latents"]["latents"]
    return latents


def _pixels(task: Task, schooling: None) -> torch.Tensor:
    images: torch.Tensor = task.inputs["images"][:]
    return images.float() / 255


def _seen_by_teacher(task: Task, schooling: TeacherInput) -> torch.Tensor:
    seen = fit_images(task.inputs["images"][:], schooling.size, schooling.size)
    return teacher_at(task.inputs["teacher"], schooling).features(seen)


FEATURES = {
    "latents": Features(_latents, ("latents",)),
    "pixels": Features(_pixels),
    "teacher": Features(_seen_by_teacher, ("teacher",)),
}
"""Name -> features."""
