"""Images drawn from a backbone, with or without modes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache, partial
from typing import Any

import torch

from mgd3_kedro.backbones import (
    AutoencoderConfig,
    BackboneConfig,
    load_autoencoder,
    load_backbone,
)
from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    DistillationConfig,
    Plan,
    check_known,
)
from mgd3_kedro.pipelines.guided_generate.procedures.choosing import CHOOSERS
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import Schooling, teacher_at
from mgd3_kedro.pipelines.guided_generate.provenance import Origin, describe_images
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import (
    Batches,
    SamplingConfig,
    denoise,
    image_generator,
    join_surveys,
    survey_class,
)
from mgd3_kedro.stages import LoadedTask, Made, plain_settings


@dataclass(frozen=True)
class Denoising:
    """Settings of images drawn from a backbone.

    Raises:
        ValueError: If images of a class that depend on each other do not fit a batch.
    """

    image_size: int
    diffusion: BackboneConfig
    autoencoder: AutoencoderConfig
    sampling: SamplingConfig
    distillation: DistillationConfig
    mode_finder: str
    schooling: Schooling | None

    def __post_init__(self) -> None:
        ipc, most = self.distillation.ipc, self.diffusion.max_batch
        if (tied := self.sampling.joint_settings) and most < ipc:
            raise ValueError(
                f"max_batch: expected at least the {ipc} images of a class, which depend on each "
                f"other by {' and '.join(tied)}, got {most}; raise diffusion.max_batch, lower ipc, "
                "or set repulsion_scale to 0 and noise_coupling to independent"
            )

    @classmethod
    def of(cls, common: Common, sampling: SamplingConfig) -> Denoising:
        """Take them from what all methods share, but for how samples are drawn."""
        schooling = Schooling.of(common) if "teacher" in CHOOSERS[sampling.choice].needs else None
        own: dict[str, Any] = {"sampling": sampling, "schooling": schooling}
        names = [field.name for field in fields(cls) if field.name not in own]
        return cls(**{name: getattr(common, name) for name in names}, **own)


def plan_denoising(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan images drawn from a backbone; as many classes at once as fit a batch.

    Raises:
        ValueError: If a setting is unknown or does not fit, or images of a class that depend on
            each other do not fit a batch.

    Source: ours.
    """
    check_known(settings, (field.name for field in fields(SamplingConfig)))
    diffusion, asked = common.diffusion, SamplingConfig(**{**asdict(common.sampling), **settings})
    sampling = asked.with_steps(diffusion.num_inference_steps, diffusion.reference_steps)
    denoising = Denoising.of(common, sampling)
    classes = math.ceil(diffusion.max_batch / common.distillation.ipc)
    schooling = denoising.schooling
    return Plan(
        denoise_classes,
        denoising,
        ("latents", "modes", *CHOOSERS[sampling.choice].needs, "prior"),
        classes,
        partial(teacher_at, schooling=schooling) if schooling else None,
        remark=_remark(sampling, diffusion.num_inference_steps),
    )


def _remark(sampling: SamplingConfig, steps: int) -> str | None:
    if not sampling.is_never_guided(steps):
        return None
    return (
        f"no step is guided: guidance stops at step {sampling.stop_guidance_step} of {steps}, the "
        "first is the last of these; lower sampling.stop_guidance_step, or name the number of "
        "steps it was chosen for with diffusion.reference_steps"
    )


def denoise_classes(batch: Mapping[str, LoadedTask], settings: Denoising) -> dict[str, Made]:
    """Draw the images of every mode and keep one of each, all classes of the batch together.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    model = next(iter(batch.values())).inputs[-1]
    backbone = load_backbone(model, settings.diffusion)
    return draw_images(batch, settings, backbone, fitting_batches(model, settings.diffusion))


def draw_images(
    batch: Mapping[str, LoadedTask], settings: Denoising, backbone: Backbone, batches: Batches
) -> dict[str, Made]:
    """Draw the images of every mode from a backbone, keep one of each, and describe them.

    Args:
        batch: wnid -> latents of the real images, modes, what the choice between draws is made by,
            and the model that has the autoencoder.
        settings: How.
        backbone: Draws them.
        batches: As large as memory allows.

    Raises:
        FloatingPointError: If samples are not finite.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    ipc, sampling = settings.distillation.ipc, settings.sampling
    model = next(iter(batch.values())).inputs[-1]
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
        **plain_settings(sampling),
        "candidate_score": sampling.choice,
    }
    made = {}
    parts = (latents.split(ipc), images.split(ipc), chosen.split(ipc))
    for (wnid, task), of_class, pixels, numbers in zip(batch.items(), *parts, strict=True):
        real, found, *_ = task.inputs
        origin = Origin(task.about, settings.distillation.seed, torch.arange(ipc), ipc, knobs)
        facts = describe_images(origin, of_class, real["latents"], found)
        if sampling.candidates > 1:
            numbered = zip(facts, numbers.tolist(), strict=True)
            facts = tuple({**row, "candidate": number} for row, number in numbered)
        made[wnid] = Made(pixels, ipc, {"guided_steps": steps}, facts)
    return made


def draw_pool(
    batch: Mapping[str, LoadedTask], settings: Denoising, backbone: Backbone, batches: Batches
) -> torch.Tensor:
    """Draw latents for the modes of all classes of the batch, as often as there are candidates.

    Returns:
        Scaled latents, (draws, classes x ipc, C, H, W).

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    sampling, ipc = settings.sampling, settings.distillation.ipc
    modes = torch.cat([task.inputs[1]["modes"] for task in batch.values()])
    classes = [task.about for task in batch.values() for _ in range(ipc)]
    traits = join_surveys(
        [
            survey_class(task.inputs[0]["latents"], task.inputs[1]["modes"], sampling)
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
