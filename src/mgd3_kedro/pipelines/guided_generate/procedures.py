"""The two ways to make a distilled image: draw it from a backbone, or keep a real one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from mgd3_kedro.backbones import (
    AutoencoderConfig,
    BackboneConfig,
    load_autoencoder,
    load_backbone,
)
from mgd3_kedro.checks import check_count, lookup, unknown_name
from mgd3_kedro.coresets import CORESETS
from mgd3_kedro.pipelines.guided_generate.provenance import Origin, describe_images
from mgd3_kedro.records import ClassSpec, ModelFolder
from mgd3_kedro.sampling import Batches, SamplingConfig, denoise, image_generator
from mgd3_kedro.stages import LoadedTask, Made, plain_settings


@dataclass(frozen=True)
class DistillationConfig:
    """Which images to make, and how the work is cut.

    Args:
        ipc: Images per class.
        seed: Seed of the data set.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    ipc: int
    seed: int

    def __post_init__(self) -> None:
        check_count("ipc", self.ipc, 1)
        check_count("seed", self.seed, 0, 2**32 - 1)


@dataclass(frozen=True)
class Denoising:
    """Settings of images drawn from a backbone."""

    image_size: int
    diffusion: BackboneConfig
    autoencoder: AutoencoderConfig
    sampling: SamplingConfig
    distillation: DistillationConfig
    mode_finder: str


@dataclass(frozen=True)
class Selection:
    """Settings of real images kept."""

    coreset: str
    distillation: DistillationConfig


class Common(NamedTuple):
    """What all methods share; a method overrides some of `sampling`."""

    image_size: int
    diffusion: BackboneConfig
    autoencoder: AutoencoderConfig
    sampling: SamplingConfig
    distillation: DistillationConfig
    mode_finder: str


class Plan(NamedTuple):
    """How a method's images are made."""

    function: Callable[[Mapping[str, LoadedTask], Any], dict[str, Made]]
    settings: Denoising | Selection
    group_size: int


def plan_method(method: str, methods: Mapping[str, Mapping[str, Any]], common: Common) -> Plan:
    """Resolve a method: its procedure, and its settings over the common ones.

    Args:
        method: The method's name.
        methods: Name -> procedure and settings, as configured.
        common: What all methods share.

    Raises:
        ValueError: If the method, its procedure or one of its settings is unknown.

    Source: MGD3 (arXiv 2505.18963), Table 1: its rows as points on two axes.
    """
    settings = dict(lookup(methods, method, "method"))
    procedure = lookup(PROCEDURES, settings.pop("procedure", ""), f"procedure of method {method}")
    return procedure(settings, common)


def plan_denoising(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan images drawn from a backbone; as many classes at once as fit a batch.

    Source: ours.
    """
    _check_known(settings, (field.name for field in fields(SamplingConfig)))
    sampling = SamplingConfig(**{**asdict(common.sampling), **settings})
    denoising = Denoising(**{**common._asdict(), "sampling": sampling})
    classes = math.ceil(common.diffusion.max_batch / common.distillation.ipc)
    return Plan(denoise_classes, denoising, classes)


def plan_selection(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan real images to be kept.

    Source: ours.
    """
    _check_known(settings, ["coreset"])
    lookup(CORESETS, settings.get("coreset", ""), "coreset")
    return Plan(select_from_classes, Selection(settings["coreset"], common.distillation), 1)


def denoise_classes(batch: Mapping[str, LoadedTask], settings: Denoising) -> dict[str, Made]:
    """Draw one image per mode, all classes of the batch together.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    ipc, seed = settings.distillation.ipc, settings.distillation.seed
    specs = [ClassSpec(**task.about) for task in batch.values()]
    model = next(iter(batch.values())).inputs[-1]
    backbone = load_backbone(model, settings.diffusion)
    modes = torch.cat([task.inputs[2]["modes"] for task in batch.values()])
    classes = [spec for spec in specs for _ in range(ipc)]

    def draw(part: slice) -> torch.Tensor:
        asked = classes[part]
        numbers = range(part.start, part.stop)
        generators = [
            image_generator(seed, spec.class_index, number % ipc)
            for spec, number in zip(asked, numbers, strict=True)
        ]
        return denoise(backbone, modes[part], asked, settings.sampling, generators)

    latents = fitting_batches(model, settings.diffusion).run(draw, len(modes))
    if not torch.isfinite(latents).all():
        raise FloatingPointError(
            f"class {', '.join(batch)}: expected finite samples, got NaN or infinity; lower the "
            "guidance scales, check the weights, or use another precision than "
            f"{settings.diffusion.precision}"
        )
    autoencoder = load_autoencoder(model, settings.autoencoder)
    images = autoencoder.decode(latents, settings.image_size)
    steps = settings.sampling.guided_steps(backbone.timesteps)
    knobs = {
        "mode_finder": settings.mode_finder,
        **plain_settings(settings.diffusion),
        **plain_settings(settings.sampling),
    }
    made = {}
    rows = zip(specs, batch.items(), latents.split(ipc), images.split(ipc), strict=True)
    for spec, (wnid, task), of_class, pixels in rows:
        _, real, found, _ = task.inputs
        origin = Origin(spec, seed, torch.arange(ipc), knobs)
        facts = describe_images(origin, of_class, real["latents"], found)
        made[wnid] = Made(pixels, ipc, {"guided_steps": steps}, facts)
    return made


def select_from_classes(batch: Mapping[str, LoadedTask], settings: Selection) -> dict[str, Made]:
    """Keep some real images of every class.

    Source: MGD3 (arXiv 2505.18963), Table 1, selective methods.
    """
    ipc, seed = settings.distillation.ipc, settings.distillation.seed
    select = CORESETS[settings.coreset]
    made = {}
    for wnid, task in batch.items():
        images, real, found, _ = task.inputs
        chosen = select(real["latents"], ipc, seed)
        kept = real["latents"][chosen]
        nearest_mode = torch.cdist(kept.flatten(1), found["modes"].flatten(1)).argmin(1)
        origin = Origin(ClassSpec(**task.about), seed, nearest_mode, {"coreset": settings.coreset})
        facts = describe_images(origin, kept, real["latents"], found)
        made[wnid] = Made(images[chosen], ipc, {"guided_steps": 0}, facts)
    return made


@lru_cache(maxsize=2)
def fitting_batches(model: ModelFolder, config: BackboneConfig) -> Batches:
    """Return the batches of a model, which remember how many images fitted.

    Source: ours.
    """
    return Batches(config.max_batch)


def _check_known(settings: Mapping[str, Any], known: Any) -> None:
    names = list(known)
    for name in settings:
        if name not in names:
            raise ValueError(unknown_name(name, names, "setting of a method"))


PROCEDURES: dict[str, Callable[[Mapping[str, Any], Common], Plan]] = {
    "denoise": plan_denoising,
    "select": plan_selection,
}
