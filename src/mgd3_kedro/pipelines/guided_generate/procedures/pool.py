"""Sampling of latents for the modes of some classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch

from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.pipelines.guided_generate.plan import Wanted
from mgd3_kedro.pipelines.guided_generate.procedures.settings import Denoising
from mgd3_kedro.sampling import (
    Batches,
    denoise,
    gather_facts,
    image_generator,
    join_surveys,
    survey_class,
)
from mgd3_kedro.sampling.guidance.needs import Facts
from mgd3_kedro.stages import Task


def draw_pool(
    batch: Mapping[str, Task], settings: Denoising, backbone: Backbone, batches: Batches
) -> torch.Tensor:
    """Sample latents for the modes of all classes of the batch, once per candidate.

    Returns:
        Scaled latents, (candidates, modes of all classes, C, H, W).

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    sampling, counts = settings.sampling, modes_of(batch)
    seed = settings.distillation.seed
    modes = torch.cat([task.inputs["modes"]["modes"] for task in batch.values()])
    asked_for = [
        (task.about, number)
        for task, count in zip(batch.values(), counts, strict=True)
        for number in range(count)
    ]
    traits = join_surveys(
        [
            survey_class(task.inputs["latents"]["latents"], task.inputs["modes"]["modes"], sampling)
            for task in batch.values()
        ]
    )
    facts = {
        task.about.spec: gather_facts(
            task.inputs["latents"]["latents"], task.inputs["modes"], seed, sampling
        )
        for task in batch.values()
    }

    def draw(candidate: int, facts: Mapping[ClassSpec, Facts], rows: Sequence[int]) -> torch.Tensor:
        wanted = [asked_for[row] for row in rows]
        classes = [one.spec for one, _ in wanted]
        generators = [
            image_generator(seed, one.spec.class_index, number, candidate, one.twin)
            for one, number in wanted
        ]
        measured = {name: trait[rows] for name, trait in traits.items()}
        given = (sampling, generators, measured, facts, settings.among)
        return denoise(backbone, modes[rows], classes, *given)

    def draw_all(candidate: int) -> torch.Tensor:
        if sampling.in_turn:
            return _draw_in_turn(partial(draw, candidate), asked_for, facts, batches)
        together = counts if sampling.joint_settings else ()
        return _draw_rows(partial(draw, candidate, facts), range(len(modes)), batches, together)

    return torch.stack([draw_all(candidate) for candidate in range(sampling.candidates)])


def modes_of(batch: Mapping[str, Task]) -> list[int]:
    """Return the number of modes of every class, which is its number of images."""
    return [len(task.inputs["modes"]["modes"]) for task in batch.values()]


def _draw_rows(
    draw: Callable[[Sequence[int]], torch.Tensor],
    rows: Sequence[int],
    batches: Batches,
    together: Sequence[int] = (),
) -> torch.Tensor:
    return batches.run(lambda part: draw([*rows[part]]), len(rows), together)


def _draw_in_turn(
    draw: Callable[[Mapping[ClassSpec, Facts], Sequence[int]], torch.Tensor],
    asked_for: Sequence[tuple[Wanted, int]],
    facts: Mapping[ClassSpec, Facts],
    batches: Batches,
) -> torch.Tensor:
    """Sample the images of a class one after the other, but different classes together.

    Args:
        draw: (facts of classes, rows of `asked_for`) -> latents (B, C, H, W).
        asked_for: Class, and number within the class, of every image.
        facts: Class -> facts about it; every sampled latent is appended to `finished`.
        batches: Splits the work into batches that fit into memory.

    Returns:
        Latents of all rows, (N, C, H, W).
    """
    found = {spec: dict(of_class) for spec, of_class in facts.items()}
    drawn: dict[int, torch.Tensor] = {}
    for rows in _turns(asked_for):
        latents = _draw_rows(partial(draw, found), rows, batches)
        for row, latent in zip(rows, latents, strict=True):
            drawn[row] = latent
            of_class = found[asked_for[row][0].spec]
            of_class["finished"] = torch.cat([of_class["finished"], latent[None]])
    return torch.stack([drawn[row] for row in range(len(asked_for))])


def _turns(asked_for: Sequence[tuple[Wanted, int]]) -> Iterator[list[int]]:
    """Yield the rows of the first images of all classes, then of the second images, and so on."""
    numbers = [number for _, number in asked_for]
    for turn in range(max(numbers) + 1):
        yield [row for row, number in enumerate(numbers) if number == turn]
