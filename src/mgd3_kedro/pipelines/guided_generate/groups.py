"""Nodes that sample groups of images, choose one group per class, and keep its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig, Wanted
from mgd3_kedro.pipelines.guided_generate.procedures.group_choice import (
    Comparison,
    GroupChoiceSettings,
    KeptGroup,
    compare_groups_of_classes,
    keep_groups_of_classes,
)
from mgd3_kedro.pipelines.guided_generate.procedures.groups import (
    compared_by,
    plan_draws,
    read_groups,
)
from mgd3_kedro.pipelines.guided_generate.procedures.settings import TeacherInput
from mgd3_kedro.sampling import SamplingConfig, choose_groups, score_groups
from mgd3_kedro.stages import Partition, Stage, Task


def draw_groups(
    benchmark: Benchmark,
    distillation: DistillationConfig,
    draws: Mapping[str, Any],
    groups: int,
    latents: Mapping[str, Partition],
    modes: Mapping[str, Partition],
    prior: Partition,
    diffusion: BackboneConfig,
    autoencoder: AutoencoderConfig,
    sampling: SamplingConfig,
    found_by: ModesConfig,
) -> Stage:
    """Plan the sampling of groups; each group is a candidate for the images of its class.

    Args:
        benchmark: The classes.
        distillation: Images per class and seed.
        draws: Settings of a method with the procedure `denoise`.
        groups: Number of groups per class, G.
        latents: wnid -> latents (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W), and the assignment of latents to them.
        prior: Weights of the model.
        diffusion: Configuration of the backbone.
        autoencoder: Configuration of the autoencoder.
        sampling: Start and guidance of sampling.
        found_by: Configuration of the mode finder.

    Returns:
        wnid -> latents (G, K, C, H, W), scaled.

    Raises:
        ValueError: If a setting is unknown or does not fit.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    common = Common(
        classes=benchmark.classes,
        image_size=benchmark.image_size,
        distillation=distillation,
        diffusion=diffusion,
        autoencoder=autoencoder,
        sampling=sampling,
        modes=found_by,
    )
    plan = plan_draws(draws, groups, common)
    sources = {"latents": latents, "modes": modes}
    twins = benchmark.twins
    tasks = {
        spec.wnid: Task(
            {**{name: entry[spec.wnid] for name, entry in sources.items()}, "prior": prior},
            Wanted(spec, modes[spec.wnid].count, twins[spec.wnid]),
        )
        for spec in benchmark.classes
    }
    return Stage(plan.function, tasks, plan.settings, plan.group_size or len(tasks))


def compare_groups(
    benchmark: Benchmark,
    drawn_groups: Mapping[str, Partition],
    features: str,
    latents: Mapping[str, Partition] | None = None,
    train_images: Mapping[str, Partition] | None = None,
    prior: Partition | None = None,
    teacher: Partition | None = None,
    autoencoder: AutoencoderConfig | None = None,
    seen_size: int | None = None,
    device: str | None = None,
) -> Stage:
    """Plan the features of groups and real images; inputs that these features do not need are None.

    Args:
        benchmark: The classes.
        drawn_groups: wnid -> latents (G, K, C, H, W), scaled.
        features: A name of `FEATURES`.
        latents: wnid -> latents (N, C, H, W), scaled, of the real images.
        train_images: wnid -> images (N, 3, H, W), uint8.
        prior: Weights of the model.
        teacher: A trained network.
        autoencoder: Configuration of the autoencoder.
        seen_size: Side of the teacher's input, in pixels; None: the default of evaluations.
        device: Device of the teacher; None without a teacher.

    Returns:
        wnid -> `centres` of the groups (G, D), and `real`, the centre of the real images (D,).

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    size = side_of(seen_size, benchmark.image_size)
    schooling = None if device is None else TeacherInput(benchmark.classes, size, device)
    decoding = None if autoencoder is None else (autoencoder, benchmark.image_size)
    of_classes = {"groups": drawn_groups, "latents": latents, "images": train_images}
    shared = {"prior": prior, "teacher": teacher}
    tasks = {}
    for wnid in benchmark.wnids:
        given = {name: entry[wnid] for name, entry in of_classes.items() if entry is not None}
        found = {**shared, **given}
        tasks[wnid] = Task({name: found[name] for name in ("groups", *compared_by(features))})
    return Stage(compare_groups_of_classes, tasks, Comparison(features, schooling, decoding))


def choose_drawn_groups(
    benchmark: Benchmark, group_features: Mapping[str, Partition], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Choose one group per class, jointly for all classes.

    Args:
        benchmark: The classes.
        group_features: wnid -> `centres` of the groups (G, D), and `real` (D,).
        settings: Procedure and settings of the method.

    Returns:
        `groups`, wnid -> number of the chosen group; `objective`, its value for these groups;
        `objective_of_nearest`, its value for the groups that are nearest to the real images.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    objective = read_groups(settings).objective
    found = [group_features[wnid].load() for wnid in benchmark.wnids]
    centres, real = (torch.stack([of[name] for of in found]) for name in ("centres", "real"))
    chosen = choose_groups(centres, real, objective)
    nearest = choose_groups(centres, real, replace(objective, beta=0))
    return {
        "groups": dict(zip(benchmark.wnids, chosen.tolist(), strict=True)),
        "objective": score_groups(centres, real, chosen, objective),
        "objective_of_nearest": score_groups(centres, real, nearest, objective),
    }


def keep_groups(
    benchmark: Benchmark,
    drawn_groups: Mapping[str, Partition],
    group_features: Mapping[str, Partition],
    chosen_groups: Mapping[str, Any],
    settings: Mapping[str, Any],
    prior: Partition,
    autoencoder: AutoencoderConfig,
) -> Stage:
    """Plan the decoding of the chosen groups; nothing is sampled again.

    Args:
        benchmark: The classes.
        drawn_groups: wnid -> latents (G, K, C, H, W), scaled.
        group_features: wnid -> `centres` of the groups (G, D), and `real` (D,).
        chosen_groups: `groups`, wnid -> number of the chosen group.
        settings: Procedure and settings of the method.
        prior: Weights of the model.
        autoencoder: Configuration of the autoencoder.

    Returns:
        wnid -> images (K, 3, H, W), uint8.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    tasks = {}
    for wnid in benchmark.wnids:
        number, drawn = chosen_groups["groups"][wnid], drawn_groups[wnid]
        features = group_features[wnid]
        rows = tuple(row for row in drawn.rows if row["group"] == number)
        kept = KeptGroup(number, rows, drawn.metrics, drawn.seconds + features.seconds)
        tasks[wnid] = Task({"groups": drawn, "features": features, "prior": prior}, kept)
    keeping = GroupChoiceSettings(read_groups(settings), autoencoder, benchmark.image_size)
    return Stage(keep_groups_of_classes, tasks, keeping)
