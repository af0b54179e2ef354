"""Images sampled from a backbone, each guided to a mode unless `plain`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import torch

from mgd3_kedro.backbones import (
    BackboneConfig,
    load_autoencoder,
    load_backbone,
    settle_settings,
)
from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.checks import check_finite, check_flag, naming
from mgd3_kedro.matching.mosaics import check_divisible
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    GenerationPlan,
    Needs,
    Source,
    check_known,
)
from mgd3_kedro.pipelines.guided_generate.procedures.choosing import CHOOSERS
from mgd3_kedro.pipelines.guided_generate.procedures.multi_formation import take_formation
from mgd3_kedro.pipelines.guided_generate.procedures.pool import draw_pool, modes_of
from mgd3_kedro.pipelines.guided_generate.procedures.settings import (
    TEACHING,
    Denoising,
    TeacherInput,
)
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.pipelines.guided_generate.procedures.trying import (
    advise_on_samples,
    try_sampling,
)
from mgd3_kedro.pipelines.guided_generate.provenance import (
    ImageOrigin,
    describe_images,
    place_images,
)
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import (
    Batches,
    SamplingConfig,
    classes_at_once,
)
from mgd3_kedro.stages import Made, Task, plain_settings

NEEDS_OF_DRAWS = Needs.of(
    ("latents", "modes", "prior"), ("diffusion", "autoencoder", "sampling", "modes")
)
"""Needs of images that are sampled from a backbone, without a teacher."""


def needs_of_denoising(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of images that are sampled from a backbone.

    Raises:
        ValueError: If a setting is unknown or invalid.
    """
    formation, settings = take_formation(settings)
    sampling = sampling_of(settings, SamplingConfig(**parameters["sampling"]))
    sources = _sources(sampling)
    taught = TEACHING if "teacher" in sources else ()
    own = [name for name in settings if name != "plain"]
    unread = unread_by((*own, *(SamplingConfig.off() if settings.get("plain") else ())))
    needs = Needs.of(sources, (*NEEDS_OF_DRAWS.parameters, *taught))
    return needs._replace(unread=unread, small_images=formation.small_images)


def unread_by(names: Iterable[str]) -> tuple[str, ...]:
    """Return the sampling parameters that a method overrides with settings of these names."""
    return tuple(sorted({f"sampling.{name}" for name in names}))


def plan_denoising(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan images that are sampled from a backbone; a call has as many classes as fit a batch.

    Raises:
        ValueError: If a setting is unknown or invalid, or if images of a class depend on each
            other and do not fit into one batch.
    """
    diffusion = common.part("diffusion")
    steps = diffusion.num_inference_steps
    formation, settings = take_formation(settings)
    check_divisible(common.image_size, formation.factor)
    sampling = sampling_of(settings, common.part("sampling"))
    sampling = sampling.with_steps(steps, diffusion.reference_steps)
    schooling = TeacherInput.of(common) if "teacher" in _sources(sampling) else None
    return GenerationPlan(
        denoise_classes,
        Denoising.of(common, sampling, schooling, formation),
        _sources(sampling),
        classes_at_once(
            formation.small_images * common.distillation.ipc,
            diffusion.max_batch,
            parted=not sampling.joint_settings,
        ),
        partial(teacher_at, schooling=schooling) if schooling else None,
        partial(try_sampling, diffusion=diffusion, sampling=sampling),
        real_each=1,
        most_images=diffusion.max_batch if sampling.joint_settings else None,
        images_each=formation.of(common.distillation.ipc),
    )


def sampling_of(settings: Mapping[str, Any], sampling: SamplingConfig) -> SamplingConfig:
    """Return a method's sampling configuration.

    Args:
        settings: Settings of the method, which override those of `sampling`. If `plain` is true,
            all other guidance is off.
        sampling: Sampling configuration that methods share.

    Raises:
        ValueError: If a setting is unknown or invalid.
    """
    own = dict(settings)
    check_known(own, ("plain", *SamplingConfig.names()))
    check_flag("plain", plain := own.pop("plain", False))
    return replace(sampling.plain() if plain else sampling, **own)


def _sources(sampling: SamplingConfig) -> tuple[Source, ...]:
    return ("latents", "modes", *CHOOSERS[sampling.choice].needs, "prior")


def denoise_classes(batch: Mapping[str, Task], settings: Denoising) -> dict[str, Made]:
    """Sample one image per mode, for all classes of the batch together.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    model = next(iter(batch.values())).inputs["prior"]
    backbone = load_backbone(model, settings.diffusion)
    return draw_images(batch, settings, backbone, fitting_batches(model, settings.diffusion))


def draw_images(
    batch: Mapping[str, Task], settings: Denoising, backbone: Backbone, batches: Batches
) -> dict[str, Made]:
    """Sample candidates for every mode, choose one per mode, decode it, and describe the images.

    Args:
        batch: wnid -> task with latents of the real images, modes, the model with the autoencoder,
            and the inputs of the choice between candidates; see `Source`.
        settings: Settings of sampling and decoding.
        backbone: Model to sample from.
        batches: Splits the work into batches that fit into memory.

    Returns:
        wnid -> images (K, 3, H, W), uint8, with their provenance.

    Raises:
        NotFiniteError: If samples or their pixels are not finite.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    sampling, counts = settings.sampling, modes_of(batch)
    model = next(iter(batch.values())).inputs["prior"]
    pool = draw_pool(batch, settings, backbone, batches)
    choose = CHOOSERS[sampling.choice].choose
    choices = []
    for of_class, (wnid, task) in zip(pool.split(counts, dim=1), batch.items(), strict=True):
        with naming(f"class {wnid}"):
            check_finite("samples", of_class.transpose(0, 1), advise_on_samples(settings.diffusion))
            choices.append(choose(of_class, task, settings))
    chosen = torch.cat(choices)
    latents = pool[chosen, torch.arange(len(chosen))]
    autoencoder = load_autoencoder(model, settings.autoencoder)
    names = [
        f"image {number} of class {wnid}"
        for wnid, count in zip(batch, counts, strict=True)
        for number in range(count)
    ]
    images = autoencoder.decode(latents, settings.formation.side_of(settings.image_size), names)
    steps = len(sampling.guided_steps(backbone.timesteps))
    knobs, made = knobs_of(model, settings), {}
    parts = (latents.split(counts), images.split(counts), chosen.split(counts))
    for (wnid, task), of_class, pixels, numbers in zip(batch.items(), *parts, strict=True):
        given = task.inputs
        facts = place_images(of_class, given["latents"]["latents"], given["modes"])
        if sampling.candidates > 1:
            numbered = zip(facts, numbers.tolist(), strict=True)
            facts = [{**fact, "candidate": number} for fact, number in numbered]
        rows = describe_images(ImageOrigin(task.about.spec, settings.distillation, knobs), facts)
        made[wnid] = Made(pixels, len(pixels), {"guided_steps": steps}, rows)
    return made


def knobs_of(model: ModelFolder, settings: Denoising) -> dict[str, Any]:
    """Return the settings of sampling for the provenance of images, name -> value."""
    return {
        "mode_finder": settings.mode_finder,
        **plain_settings(settle_settings(model, settings.diffusion)),
        **settings.sampling.as_columns(),
        "candidate_score": settings.sampling.choice,
        **settings.formation.as_columns(),
    }


@lru_cache(maxsize=2)
def fitting_batches(model: ModelFolder, config: BackboneConfig) -> Batches:
    """Return the batches of a model; the cached object remembers which size fits into memory."""
    return Batches(config.max_batch)
