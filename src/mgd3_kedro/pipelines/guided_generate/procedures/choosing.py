"""The choice between several samples for the same mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.pipelines.guided_generate.plan import Source
from mgd3_kedro.pipelines.guided_generate.procedures.settings import Denoising
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.sampling import choose_candidates
from mgd3_kedro.stages import Task


class Chooser(NamedTuple):
    """A criterion for the choice between samples.

    Args:
        choose: (samples of a class (M, K, C, H, W), its task, settings) -> number of the chosen
            sample for each mode, (K,), int64.
        needs: Inputs of a task in addition to latents, modes and model.
    """

    choose: Callable[[torch.Tensor, Task, Denoising], torch.Tensor]
    needs: tuple[Source, ...] = ()


def take_first(pool: torch.Tensor, task: Task, settings: Denoising) -> torch.Tensor:
    """Return the first sample of every mode, (K,), int64."""
    return torch.zeros(pool.shape[1], dtype=torch.int64)


def choose_covering(pool: torch.Tensor, task: Task, settings: Denoising) -> torch.Tensor:
    """Return the samples that together cover the real latents of the class best, (K,), int64.

    Source: see `choose_candidates`.
    """
    return choose_candidates(pool, task.inputs["latents"]["latents"])


def choose_confident(pool: torch.Tensor, task: Task, settings: Denoising) -> torch.Tensor:
    """Return, for every mode, the sample with the lowest cross-entropy of a teacher, (K,), int64.

    Raises:
        ValueError: If there is no teacher.

    Source: after RDED (arXiv 2312.03526), which chooses crops of real images in this way.
    """
    autoencoder = load_autoencoder(task.inputs["prior"], settings.autoencoder)
    images = autoencoder.decode(pool.flatten(0, 1), settings.image_size)
    if settings.schooling is None:
        raise ValueError("candidate_score: expected a teacher to choose by, got none")
    teacher = teacher_at(task.inputs["teacher"], settings.schooling)
    losses = teacher.cross_entropy(images.float() / 255, task.about.spec.label)
    return losses.unflatten(0, pool.shape[:2]).argmin(0)


CHOOSERS: dict[str | None, Chooser] = {
    None: Chooser(take_first),
    "coverage": Chooser(choose_covering),
    "confidence": Chooser(choose_confident, ("teacher",)),
}
"""`choice` of the sampling configuration -> criterion; None if there is one sample per mode."""
