"""Images sampled without mode guidance from a fine-tuned transformer (minimax diffusion)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mgd3_kedro.backbones import load_backbone
from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.backbones.diffusion import assemble_backbone
from mgd3_kedro.backbones.dit import DiTDenoiser
from mgd3_kedro.backbones.schedule import read_trained_schedule
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checkpoint import name_checkpoint
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.matching import MinimaxConfig, fine_tune
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    GenerationPlan,
    Needs,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import (
    NEEDS_OF_DRAWS,
    draw_images,
    unread_by,
)
from mgd3_kedro.pipelines.guided_generate.procedures.settings import Denoising
from mgd3_kedro.pipelines.guided_generate.procedures.trying import try_sampling
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import Batches, SamplingConfig
from mgd3_kedro.stages import Made, Partition, Task, neutral

TUNED = "dit"
"""Family of the models that can be fine-tuned."""
SOURCES: tuple[Source, ...] = ("latents", "modes", "prior", "class_latents")


@dataclass(frozen=True)
class FineTuning:
    """Settings of images that are sampled from a fine-tuned transformer.

    Args:
        config: Configuration of the fine-tuning.
        denoising: Settings of sampling.
        classes: Classes of the benchmark.
        checkpoints: Folder of checkpoints, for interrupted fine-tuning.
        device: Name of the device of the fine-tuning.
    """

    config: MinimaxConfig
    denoising: Denoising
    classes: tuple[ClassSpec, ...]
    checkpoints: str = neutral()
    device: str = neutral()


def needs_of_fine_tuning(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of images that are sampled from fine-tuned models."""
    needs = Needs.of(SOURCES, (*NEEDS_OF_DRAWS.parameters, "device"), "checkpoints")
    return needs._replace(unread=unread_by(SamplingConfig.off()))


def plan_fine_tuning(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan images that are sampled from models; each model is fine-tuned for some of the classes.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.

    Source: minimax diffusion (arXiv 2311.15529).
    """
    config = build_settings(MinimaxConfig, settings)
    tuning = FineTuning(
        config,
        Denoising.of(common, common.part("sampling").plain()),
        common.classes,
        common.part("checkpoints"),
        common.part("device"),
    )
    return GenerationPlan(
        draw_fine_tuned,
        tuning,
        SOURCES,
        config.classes_at_once,
        real_each=1,
        try_model=partial(try_tuning, settings=tuning.denoising),
    )


def try_tuning(model: ModelFolder, settings: Denoising) -> None:
    """Check that a model can be fine-tuned and sampled with these settings.

    Raises:
        ValueError: If it is not a diffusion transformer, or a setting is not valid for it.

    Source: minimax diffusion (arXiv 2311.15529), section 4.1.
    """
    if model.family != TUNED:
        raise ValueError(
            f"expected a diffusion transformer to fine-tune, got a model of the family "
            f"{model.family}; take one of the family {TUNED} with --params backbone=NAME"
        )
    try_sampling(model, settings.diffusion, settings.sampling)


def draw_fine_tuned(batch: Mapping[str, Task], settings: FineTuning) -> dict[str, Made]:
    """Fine-tune a model for each group of classes, and sample the requested classes from it.

    The groups depend on the labels alone. Therefore a resumed run makes the same images.

    Source: minimax diffusion (arXiv 2311.15529), section 4.1.
    """
    at_once = settings.config.classes_at_once
    made: dict[str, Made] = {}
    for number in sorted({task.about.spec.label // at_once for task in batch.values()}):
        group = settings.classes[number * at_once : (number + 1) * at_once]
        asked = {w: task for w, task in batch.items() if task.about.spec.label // at_once == number}
        given = next(iter(asked.values())).inputs
        backbone, seconds_before = fine_tuned_backbone(
            given["prior"], group, given["class_latents"], settings
        )
        batches = Batches(settings.denoising.diffusion.max_batch)
        drawn = draw_images(asked, settings.denoising, backbone, batches)
        share = seconds_before / len(group)
        made |= {wnid: replace(of, seconds_before=share) for wnid, of in drawn.items()}
    return made


def fine_tuned_backbone(
    model: ModelFolder,
    group: Sequence[ClassSpec],
    partitions: Sequence[Partition],
    settings: FineTuning,
) -> tuple[Backbone, float]:
    """Return a backbone whose transformer is fine-tuned for a group of classes.

    Data sets of other seeds share the model, from its checkpoint. Its time counts for each of them.

    Returns:
        The backbone, and the seconds of fine-tuning that were spent before this call.

    Source: minimax diffusion (arXiv 2311.15529), section 4.1.
    """
    diffusion = settings.denoising.diffusion
    untuned: Any = load_backbone(model, replace(diffusion, precision="fp32", compile=False))
    denoiser: Any = untuned.denoiser
    used = [partitions[spec.label] for spec in group]
    latents = [partition.load()["latents"] for partition in used]
    counts = torch.tensor([len(of_class) for of_class in latents])
    indices = torch.tensor([spec.class_index for spec in group])
    schedule = read_trained_schedule(model.path / "scheduler")
    contents = [partition.fingerprint for partition in used]
    time_frequencies = untuned.config.time_frequencies
    code = code_digest(fine_tune, settings.config)
    identity = repr(
        (code, settings.config, model.fingerprint, contents, indices.tolist(), time_frequencies)
    )
    trained = fine_tune(
        denoiser.transformer,
        schedule,
        torch.cat(latents),
        indices.repeat_interleave(counts),
        settings.config,
        checkpoint=name_checkpoint(
            Path(settings.checkpoints), f"minimax-{group[0].wnid}", identity
        ),
        identity=identity,
        device=resolve_device(settings.device),
    )
    tuned: Any = trained.model
    if (dtype := PRECISIONS[diffusion.precision].dtype) is not torch.float32:
        tuned = tuned.to(dtype)
    backbone = assemble_backbone(DiTDenoiser(tuned), schedule, diffusion)
    return backbone, trained.seconds_before
