"""Real images that are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.checks import check_flag, lookup
from mgd3_kedro.coresets import CORESETS
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.images import encoded_images
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    DistillationConfig,
    Plan,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import Schooling, teacher_at
from mgd3_kedro.pipelines.guided_generate.provenance import (
    Origin,
    describe_images,
    nearest_modes,
)
from mgd3_kedro.stages import LoadedTask, Made, plain_settings

NEEDS: tuple[Source, ...] = ("images", "latents", "modes")


@dataclass(frozen=True)
class SelectionConfig:
    """How images are chosen.

    Args:
        coreset: A name of `CORESETS`.
        features: A name of `FEATURES`: what images are compared by.
        reconstructed: Whether what is kept is what the autoencoder makes of an image: what a
            generated image can be at best, as far as the autoencoder goes.

    Raises:
        ValueError: If a name is unknown.
    """

    coreset: str
    features: str
    reconstructed: bool

    def __post_init__(self) -> None:
        lookup(CORESETS, self.coreset, "coreset")
        lookup(FEATURES, self.features, "features")
        check_flag("reconstructed", self.reconstructed)


@dataclass(frozen=True)
class Selection:
    """Settings of real images that are kept.

    Args:
        config: How they are chosen.
        distillation: Images per class and seed.
        schooling: What a teacher sees; None where none is asked.
        decoding: What decodes latents, and to which side in pixels; None where images are kept
            as they are.
    """

    config: SelectionConfig
    distillation: DistillationConfig
    schooling: Schooling | None
    decoding: tuple[AutoencoderConfig, int] | None


def plan_selection(settings: Mapping[str, Any], common: Common) -> Plan:
    """Plan real images to be kept.

    Source: ours.
    """
    config = build_settings(SelectionConfig, settings)
    schooling = Schooling.of(common) if FEATURES[config.features].taught else None
    decoding = (common.autoencoder, common.image_size) if config.reconstructed else None
    taught: tuple[Source, ...] = ("teacher",) if schooling else ()
    decoded: tuple[Source, ...] = ("prior",) if decoding else ()
    return Plan(
        select_from_classes,
        Selection(config, common.distillation, schooling, decoding),
        (*NEEDS, *taught, *decoded),
        try_teacher=(lambda folder: teacher_at(folder, schooling).extractor) if schooling else None,
    )


def select_from_classes(batch: Mapping[str, LoadedTask], settings: Selection) -> dict[str, Made]:
    """Keep some real images of every class.

    Source: MGD3 (arXiv 2505.18963), Table 1, selective methods.
    """
    ipc, seed = settings.distillation.ipc, settings.distillation.seed
    config = settings.config
    extract, pick = FEATURES[config.features].extract, CORESETS[config.coreset]
    made = {}
    for wnid, task in batch.items():
        images, real, found, *_ = task.inputs
        chosen = pick(extract(task, settings.schooling), ipc, seed)
        kept = real["latents"][chosen]
        modes = nearest_modes(kept, found)
        knobs = {**plain_settings(config), "reconstructed": config.reconstructed or None}
        origin = Origin(task.about, seed, modes, ipc, knobs)
        rows = describe_images(origin, kept, real["latents"], found)
        if settings.decoding is None:
            shown = encoded_images(images, real, chosen)
        else:
            autoencoding, size = settings.decoding
            shown = load_autoencoder(task.inputs[-1], autoencoding).decode(kept, size)
        made[wnid] = Made(shown, ipc, {"guided_steps": 0}, rows)
    return made


class Features(NamedTuple):
    """What images are compared by.

    Args:
        extract: (task, what a teacher sees) -> of each image of the class, (N, ...).
        taught: Whether a teacher is asked.
    """

    extract: Callable[[LoadedTask, Any], torch.Tensor]
    taught: bool


def _latents(task: LoadedTask, schooling: None) -> torch.Tensor:
    latents: torch.Tensor = task.inputs[1]["latents"]
    return latents


def _seen_by_teacher(task: LoadedTask, schooling: Schooling) -> torch.Tensor:
    images, real, _, folder, *_ = task.inputs
    seen = encoded_images(images, real, torch.arange(len(real["latents"])))
    side = schooling.size
    return teacher_at(folder, schooling).features(fit_images(seen, side, side))


FEATURES = {
    "latents": Features(_latents, taught=False),
    "teacher": Features(_seen_by_teacher, taught=True),
}
"""Name -> what images are compared by."""
