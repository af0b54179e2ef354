"""Nodes that sample candidates, and choose the most useful ones, one increment at a time."""

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
    """Plan the sampling of all candidates; it does not depend on the later choices.

    Args:
        benchmark: The classes.
        distillation: Images per class and seed.
        draws: Settings of a method with the procedure `denoise`.
        increment_size: Images per class in an increment.
        kappa: Number of candidates for each image.
        latents: wnid -> latents (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W), and the assignment of latents to them.
        prior: Weights of the model.
        diffusion: Configuration of the backbone.
        autoencoder: Configuration of the autoencoder.
        sampling: Start and guidance of sampling.
        found_by: Configuration of the mode finder.

    Returns:
        wnid -> latents (G, K, C, H, W), scaled: one group for the first increment, then `kappa`
        groups for each further increment.

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
    """Plan the training of a student network on the increments so far, of all classes.

    Args:
        benchmark: The classes.
        config: Configuration of the training.
        checkpoints: Folder of checkpoints, for interrupted trainings.
        increment_size: Images per class in an increment.
        increments: Increments in order; each is wnid -> `images` (P, 3, H, W), uint8.

    Returns:
        `STUDENT` -> weights.

    Source: LGD (arXiv 2604.00519).
    """
    # Sorted, so the order of the benchmark's classes does not change the student.
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
    """Plan the choice of the images of an increment.

    The first increment has one candidate per image: student and teacher are None then.

    Args:
        number: Number of the increment, counted from 1.
        benchmark: The classes.
        distillation: Images per class and seed.
        drawn_groups: wnid -> latents (G, K, C, H, W), scaled.
        settings: Procedure and settings of the method.
        prior: Weights of the model.
        autoencoder: Configuration of the autoencoder.
        student: `STUDENT` -> weights of a network that was trained on the earlier increments.
        config: Configuration of the student's training.
        teacher: A network that was trained on all real images.
        seen_size: Side of the teacher's input, in pixels; None: the default of evaluations.
        device: Device of the teacher.

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
    """Plan the concatenation of all increments; nothing is sampled or decoded again.

    Args:
        benchmark: The classes.
        drawn_groups: wnid -> the sampled candidates.
        increments: Increments in order; each is wnid -> `images` (P, 3, H, W), uint8.

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
