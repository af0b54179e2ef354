"""Nodes that draw candidates, and choose increment by increment those that teach most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.evaluation import HardLabelConfig
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.groups import draw_groups
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.pipelines.guided_generate.procedures.increment_choice import (
    Choosing,
    IncrementCandidates,
    IncrementChoiceSettings,
    JoinedIncrements,
    choose_increments,
    join_increments,
)
from mgd3_kedro.pipelines.guided_generate.procedures.increments import (
    Increments,
    read_increments,
)
from mgd3_kedro.pipelines.guided_generate.procedures.settings import TeacherInput
from mgd3_kedro.pipelines.guided_generate.procedures.students import (
    STUDENT,
    StudentData,
    StudentSettings,
    train_students,
)
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Partition, Stage, Task


def draw_candidates(
    benchmark: Benchmark,
    distillation: DistillationConfig,
    draws: Mapping[str, Any],
    increment_size: int,
    kappa: int,
    latents: Mapping[str, Partition],
    modes: Mapping[str, Partition],
    prior: Partition,
    diffusion: BackboneConfig,
    autoencoder: AutoencoderConfig,
    sampling: SamplingConfig,
    found_by: ModesConfig,
) -> Stage:
    """Plan all draws that increments are chosen from: no draw depends on what is chosen.

    Args:
        benchmark: The classes.
        distillation: Images per class and seed.
        draws: Settings of a method that denoises.
        increment_size: Images of a class in an increment.
        kappa: Draws that an image is chosen from.
        latents: wnid -> latents (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W) and who belongs to them.
        prior: The weights.
        diffusion: How the backbone is sampled.
        autoencoder: How its samples are decoded.
        sampling: Where samples start and how they are guided.
        found_by: How modes are found.

    Returns:
        wnid -> latents (G, K, C, H, W), scaled: that of the first increment, and then `kappa` of
        each other one.

    Raises:
        ValueError: If a setting is unknown or does not fit.

    Source: LGD (arXiv 2604.00519), without its guidance.
    """
    return draw_groups(
        benchmark,
        replace(distillation, ipc=increment_size),
        draws,
        Increments(distillation.ipc, increment_size, kappa).draws,
        latents,
        modes,
        prior,
        diffusion,
        autoencoder,
        sampling,
        found_by,
    )


def train_student(
    benchmark: Benchmark,
    config: HardLabelConfig,
    checkpoints: Path,
    increment_size: int,
    **increments: Mapping[str, Partition],
) -> Stage:
    """Plan the training of a network on the increments so far, of all classes.

    Args:
        benchmark: The classes.
        config: How it is trained.
        checkpoints: Folder for trainings that are interrupted.
        increment_size: Images of a class in an increment.
        increments: wnid -> `images` (P, 3, H, W), uint8, of each, in order.

    Returns:
        `STUDENT` -> weights.

    Source: LGD (arXiv 2604.00519).
    """
    # By name: the order that a benchmark has its classes in is of no account.
    parts = tuple(
        chosen[wnid] for wnid in sorted(benchmark.wnids) for chosen in increments.values()
    )
    learned = StudentData(len(increments), len(increments) * increment_size)
    settings = StudentSettings(config, config.side_of(benchmark.image_size), str(checkpoints))
    return Stage(train_students, {STUDENT: Task({"increments": parts}, learned)}, settings)


def choose_increment(
    number: int,
    benchmark: Benchmark,
    distillation: DistillationConfig,
    drawn_groups: Mapping[str, Partition],
    settings: Mapping[str, Any],
    prior: Partition,
    autoencoder: AutoencoderConfig,
    student: Mapping[str, Partition] | None = None,
    config: HardLabelConfig | None = None,
    teacher: Partition | None = None,
    seen_size: int | None = None,
    device: str | None = None,
) -> Stage:
    """Plan the images of an increment; the first is judged by nobody, which is None then.

    Args:
        number: Of the increment, counted from 1.
        benchmark: The classes.
        distillation: Images per class and seed.
        drawn_groups: wnid -> latents (G, K, C, H, W), scaled.
        settings: Procedure and settings of the method.
        prior: The weights.
        autoencoder: How latents are decoded.
        student: `STUDENT` -> weights of a network that was trained on the increments before.
        config: How that was trained.
        teacher: A network that was trained on all real images.
        seen_size: Side of what the teacher sees, in pixels; None: as evaluations have it.
        device: Where the teacher is asked.

    Returns:
        wnid -> `images` (P, 3, H, W), uint8.

    Source: LGD (arXiv 2604.00519).
    """
    own = read_increments(settings)
    increments = own.of(distillation.ipc)
    by_name = sorted(benchmark.classes, key=lambda spec: spec.wnid)
    judging, judges, seconds = None, {}, 0.0
    if student is not None and config is not None and teacher is not None and device is not None:
        side = side_of(seen_size, benchmark.image_size)
        schooling = TeacherInput(tuple(by_name), side, device)
        judging = IncrementChoiceSettings(config, config.side_of(benchmark.image_size), schooling)
        judges = {"student": student[STUDENT], "teacher": teacher}
        seconds = student[STUDENT].seconds / len(by_name)
    tasks = {}
    for label, spec in enumerate(by_name):
        drawn = drawn_groups[spec.wnid]
        offered = IncrementCandidates(label, drawn.count // increments.draws, drawn.rows, seconds)
        tasks[spec.wnid] = Task({"groups": drawn, "prior": prior, **judges}, offered)
    ordered = {wnid: tasks[wnid] for wnid in benchmark.wnids}
    choosing = Choosing(increments, number, own.omega, autoencoder, benchmark.image_size, judging)
    return Stage(choose_increments, ordered, choosing)


def keep_increments(
    benchmark: Benchmark,
    drawn_groups: Mapping[str, Partition],
    **increments: Mapping[str, Partition],
) -> Stage:
    """Plan the images of all increments, none of which is drawn or decoded again.

    Args:
        benchmark: The classes.
        drawn_groups: wnid -> what was drawn.
        increments: wnid -> `images` (P, 3, H, W), uint8, of each, in order.

    Returns:
        wnid -> images (N, 3, H, W), uint8.

    Source: LGD (arXiv 2604.00519).
    """
    tasks = {}
    for wnid in benchmark.wnids:
        parts, drawn = tuple(chosen[wnid] for chosen in increments.values()), drawn_groups[wnid]
        rows = tuple(row for part in parts for row in part.rows)
        seconds = drawn.seconds + sum(part.seconds for part in parts)
        tasks[wnid] = Task({"increments": parts}, JoinedIncrements(rows, drawn.metrics, seconds))
    return Stage(join_increments, tasks, None)
