"""Images drawn from a backbone, with or without modes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import torch

from mgd3_kedro.backbones import BackboneConfig, load_autoencoder, load_backbone
from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.checks import check_flag
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    Needs,
    Plan,
    Source,
    check_known,
)
from mgd3_kedro.pipelines.guided_generate.procedures.choosing import CHOOSERS
from mgd3_kedro.pipelines.guided_generate.procedures.settings import (
    TEACHING,
    Denoising,
    Schooling,
)
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.pipelines.guided_generate.provenance import Origin, describe_images, place_images
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import (
    Batches,
    SamplingConfig,
    denoise,
    image_generator,
    join_surveys,
    survey_class,
)
from mgd3_kedro.stages import Made, Task, plain_settings

NEEDS_OF_DRAWS = Needs.of(
    ("latents", "modes", "prior"), ("diffusion", "autoencoder", "sampling", "modes")
)
"""Of images that a backbone draws and no teacher chooses from."""


def needs_of_denoising(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return what images drawn from a backbone are made from.

    Raises:
        ValueError: If a setting is unknown or does not fit.

    Source: ours.
    """
    sampling = sampling_of(settings, SamplingConfig(**parameters["sampling"]))
    sources = _sources(sampling)
    taught = TEACHING if "teacher" in sources else ()
    own = [name for name in settings if name != "plain"]
    unread = unread_by((*own, *(SamplingConfig.off() if settings.get("plain") else ())))
    return Needs.of(sources, (*NEEDS_OF_DRAWS.parameters, *taught))._replace(unread=unread)


def unread_by(names: Iterable[str]) -> tuple[str, ...]:
    """Return the parameters that are not read where a method has these settings of sampling.

    Source: ours.
    """
    return tuple(sorted({f"sampling.{name}" for name in names}))


def plan_denoising(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan images drawn from a backbone; as many classes at once as fit a batch.

    Raises:
        ValueError: If a setting is unknown or does not fit, or images of a class that depend on
            each other do not fit a batch.

    Source: ours.
    """
    diffusion = common.part("diffusion")
    steps = diffusion.num_inference_steps
    sampling = sampling_of(settings, common.part("sampling"))
    sampling = sampling.with_steps(steps, diffusion.reference_steps)
    schooling = Schooling.of(common) if "teacher" in _sources(sampling) else None
    return Plan(
        denoise_classes,
        Denoising.of(common, sampling, schooling),
        _sources(sampling),
        math.ceil(diffusion.max_batch / common.distillation.ipc),
        partial(teacher_at, schooling=schooling) if schooling else None,
        remark=_remark(sampling, steps),
    )


def sampling_of(settings: Mapping[str, Any], sampling: SamplingConfig) -> SamplingConfig:
    """Return how a method samples: its settings over the common ones, or over plain sampling.

    Args:
        settings: Of the method; `plain`: whether all that steers is off but for the others.
        sampling: What methods share.

    Raises:
        ValueError: If a setting is unknown or does not fit.

    Source: ours.
    """
    own = dict(settings)
    check_known(own, ("plain", *SamplingConfig.names()))
    check_flag("plain", plain := own.pop("plain", False))
    return replace(sampling.plain() if plain else sampling, **own)


def _sources(sampling: SamplingConfig) -> tuple[Source, ...]:
    return ("latents", "modes", *CHOOSERS[sampling.choice].needs, "prior")


def _remark(sampling: SamplingConfig, steps: int) -> str | None:
    if not sampling.is_never_guided(steps):
        return None
    return (
        f"no step is guided: guidance stops at step {sampling.stop_guidance_step} of {steps}, the "
        "first is the last of these; lower sampling.stop_guidance_step, or name the number of "
        "steps it was chosen for with diffusion.reference_steps"
    )


def denoise_classes(batch: Mapping[str, Task], settings: Denoising) -> dict[str, Made]:
    """Draw the images of every mode and keep one of each, all classes of the batch together.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    model = next(iter(batch.values())).inputs["prior"]
    backbone = load_backbone(model, settings.diffusion)
    return draw_images(batch, settings, backbone, fitting_batches(model, settings.diffusion))


def draw_images(
    batch: Mapping[str, Task], settings: Denoising, backbone: Backbone, batches: Batches
) -> dict[str, Made]:
    """Draw the images of every mode from a backbone, keep one of each, and describe them.

    Args:
        batch: wnid -> latents of the real images, modes, what the choice between draws is made by,
            and the model that has the autoencoder; see `Source`.
        settings: How.
        backbone: Draws them.
        batches: As large as memory allows.

    Raises:
        FloatingPointError: If samples are not finite.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    ipc, sampling = settings.distillation.ipc, settings.sampling
    model = next(iter(batch.values())).inputs["prior"]
    pool = draw_pool(batch, settings, backbone, batches)
    if not torch.isfinite(pool).all():
        raise FloatingPointError(
            f"class {', '.join(batch)}: expected finite samples, got NaN or infinity; lower the "
            "guidance scales, check the weights, or use another precision than "
            f"{settings.diffusion.precision}"
        )
    choose = CHOOSERS[sampling.choice].choose
    chosen = torch.cat(
        [
            choose(of_class, task, settings)
            for of_class, task in zip(pool.split(ipc, dim=1), batch.values(), strict=True)
        ]
    )
    latents = pool[chosen, torch.arange(len(chosen))]
    autoencoder = load_autoencoder(model, settings.autoencoder)
    images = autoencoder.decode(latents, settings.image_size)
    steps = sampling.guided_steps(backbone.timesteps)
    knobs = {
        "mode_finder": settings.mode_finder,
        **plain_settings(settings.diffusion),
        **sampling.as_columns(),
        "candidate_score": sampling.choice,
    }
    made = {}
    parts = (latents.split(ipc), images.split(ipc), chosen.split(ipc))
    for (wnid, task), of_class, pixels, numbers in zip(batch.items(), *parts, strict=True):
        given = task.inputs
        facts = place_images(of_class, given["latents"]["latents"], given["modes"])
        if sampling.candidates > 1:
            numbered = zip(facts, numbers.tolist(), strict=True)
            facts = [{**fact, "candidate": number} for fact, number in numbered]
        rows = describe_images(Origin(task.about, settings.distillation, knobs), facts)
        made[wnid] = Made(pixels, ipc, {"guided_steps": steps}, rows)
    return made


def draw_pool(
    batch: Mapping[str, Task], settings: Denoising, backbone: Backbone, batches: Batches
) -> torch.Tensor:
    """Draw latents for the modes of all classes of the batch, as often as there are candidates.

    Returns:
        Scaled latents, (draws, classes x ipc, C, H, W).

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    sampling, ipc = settings.sampling, settings.distillation.ipc
    modes = torch.cat([task.inputs["modes"]["modes"] for task in batch.values()])
    classes = [task.about for task in batch.values() for _ in range(ipc)]
    traits = join_surveys(
        [
            survey_class(task.inputs["latents"]["latents"], task.inputs["modes"]["modes"], sampling)
            for task in batch.values()
        ]
    )

    def draw(candidate: int, part: slice) -> torch.Tensor:
        asked = classes[part]
        generators = [
            image_generator(settings.distillation.seed, spec.class_index, number % ipc, candidate)
            for spec, number in zip(asked, range(part.start, part.stop), strict=True)
        ]
        measured = {name: trait[part] for name, trait in traits.items()}
        return denoise(backbone, modes[part], asked, sampling, generators, measured)

    together = ipc if sampling.joint_settings else 1
    draws = [
        batches.run(partial(draw, candidate), len(modes), together)
        for candidate in range(sampling.candidates)
    ]
    return torch.stack(draws)


@lru_cache(maxsize=2)
def fitting_batches(model: ModelFolder, config: BackboneConfig) -> Batches:
    """Return the batches of a model, which remember how many images fitted.

    Source: ours.
    """
    return Batches(config.max_batch)
