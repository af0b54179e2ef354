"""Selection of real images by a coreset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.checks import check_flag, lookup, naming
from mgd3_kedro.coresets import CORESETS
from mgd3_kedro.images import encoded_images
from mgd3_kedro.matching.mosaics import check_divisible
from mgd3_kedro.modes import ModesConfig, find_modes
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    DistillationConfig,
    GenerationPlan,
    Needs,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.features import FEATURES
from mgd3_kedro.pipelines.guided_generate.procedures.multi_formation import (
    WHOLE,
    MultiFormation,
    take_formation,
)
from mgd3_kedro.pipelines.guided_generate.procedures.settings import TEACHING, TeacherInput
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.pipelines.guided_generate.provenance import (
    ImageOrigin,
    describe_images,
    place_images,
)
from mgd3_kedro.randomness import seed_of_class
from mgd3_kedro.stages import Made, Task, off_at, plain_settings

UNSEEN = "latents"
"""Required value of `features` for a coreset that compares no features."""


@dataclass(frozen=True)
class SelectionConfig:
    """Configuration of the selection.

    Args:
        coreset: A name of `CORESETS`.
        features: A name of `FEATURES`, by which the coreset compares images.
        reconstructed: Whether images are replaced by their reconstruction. The autoencoder limits
            the quality of generated images in the same way.

    Raises:
        ValueError: If a name is unknown, or if `features` is set but the coreset compares none.
    """

    coreset: str
    features: str
    reconstructed: bool

    def __post_init__(self) -> None:
        lookup(CORESETS, self.coreset, "coreset")
        lookup(FEATURES, self.features, "features")
        check_flag("reconstructed", self.reconstructed)
        if self.features != UNSEEN and "features" not in CORESETS[self.coreset].takes:
            raise ValueError(
                f"features: expected {UNSEEN} with coreset {self.coreset}, which does not use "
                f"features, got {self.features}; set it to {UNSEEN}"
            )

    @property
    def compared(self) -> tuple[Source, ...]:
        """Sources of the features in addition to the images; empty if none are compared."""
        looked_at = "features" in CORESETS[self.coreset].takes
        return FEATURES[self.features].needs if looked_at else ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """Sources of the images."""
        given = "latents" in self.compared and "centres" in CORESETS[self.coreset].takes
        modes: tuple[Source, ...] = ("modes",) if given else ()
        decoded: tuple[Source, ...] = ("latents", "prior") if self.reconstructed else ()
        return tuple(dict.fromkeys(("images", *self.compared, *modes, *decoded)))

    @property
    def finds_modes(self) -> bool:
        """Whether the selection has to find modes that no earlier stage found."""
        return "centres" in CORESETS[self.coreset].takes and "modes" not in self.sources


@dataclass(frozen=True)
class Selection:
    """Settings of the selection.

    Args:
        config: Configuration of the selection.
        distillation: Images per class and seed.
        found_by: Configuration of the mode finder; None if no modes are needed, or if an earlier
            stage found them.
        schooling: Settings of the teacher; None without a teacher.
        decoding: Configuration of the autoencoder, and side of the images in pixels; None without
            reconstruction.
        factor: Factor of `MultiFormation`.
    """

    config: SelectionConfig
    distillation: DistillationConfig
    found_by: ModesConfig | None
    schooling: TeacherInput | None
    decoding: tuple[AutoencoderConfig, int] | None
    factor: int = off_at(1, default=1)


def needs_of_selection(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of the selection.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.
    """
    formation, settings = take_formation(settings)
    config = build_settings(SelectionConfig, settings)
    asked = [
        *(("modes",) if config.finds_modes else ()),
        *(TEACHING if "teacher" in config.sources else ()),
        *(("autoencoder",) if config.reconstructed else ()),
    ]
    as_it_is = not config.reconstructed and formation == WHOLE
    return Needs.of(config.sources, asked)._replace(
        keeps_real=as_it_is, small_images=formation.small_images
    )


def plan_selection(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan the selection of real images.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.
    """
    formation, settings = take_formation(settings)
    check_divisible(common.image_size, formation.factor)
    config = build_settings(SelectionConfig, settings)
    schooling = TeacherInput.of(common) if "teacher" in config.sources else None
    selection = Selection(
        config,
        common.distillation,
        common.part("modes") if config.finds_modes else None,
        schooling,
        (common.part("autoencoder"), common.image_size) if config.reconstructed else None,
        formation.factor,
    )
    return GenerationPlan(
        select_from_classes,
        selection,
        config.sources,
        try_teacher=(lambda folder: teacher_at(folder, schooling).extractor) if schooling else None,
        real_each=1,
        images_each=formation.of(common.distillation.ipc),
    )


def select_from_classes(batch: Mapping[str, Task], settings: Selection) -> dict[str, Made]:
    """Select real images of every class.

    Source: MGD3 (arXiv 2505.18963), Table 1, selective methods.
    """
    knobs = {**plain_settings(settings.config), **MultiFormation(settings.factor).as_columns()}
    made = {}
    for wnid, task in batch.items():
        keep = _keep_encoded if "latents" in task.inputs else _keep
        with naming(f"class {wnid}"):
            kept, facts = keep(task, _choose(task, settings), settings)
        shown = MultiFormation(settings.factor).shrink(kept)
        rows = describe_images(ImageOrigin(task.about.spec, settings.distillation, knobs), facts)
        made[wnid] = Made(shown, len(shown), {}, rows)
    return made


Kept = tuple[torch.Tensor, list[dict[str, Any]]]
"""Images, (M, 3, S, S), uint8, and facts about each."""


def _keep(task: Task, chosen: torch.Tensor, settings: Selection) -> Kept:
    """Return the chosen images; `chosen` has numbers of images."""
    facts = [{"image_number": number, "mirrored": False} for number in chosen.tolist()]
    return task.inputs["images"][chosen], facts


def _keep_encoded(task: Task, chosen: torch.Tensor, settings: Selection) -> Kept:
    """Return the chosen images, decoded if configured, with facts from their latents.

    `chosen` has indices of latents if latents are compared, else numbers of images.
    """
    encoded = task.inputs["latents"]
    if "latents" not in settings.config.compared:
        # If an image has two latents, take the first, which is not mirrored.
        chosen = (encoded["image_numbers"] == chosen[:, None]).int().argmax(1)
    latents = encoded["latents"][chosen]
    facts: list[dict[str, Any]] = [{} for _ in chosen]
    if "modes" in task.inputs:
        facts = place_images(latents, encoded["latents"], task.inputs["modes"])
    places = zip(encoded["image_numbers"][chosen], encoded["mirrored"][chosen], strict=True)
    facts = [
        {**fact, "image_number": int(number), "mirrored": bool(mirrored)}
        for fact, (number, mirrored) in zip(facts, places, strict=True)
    ]
    if settings.decoding is None:
        return encoded_images(task.inputs["images"], encoded, chosen), facts
    autoencoding, size = settings.decoding
    autoencoder = load_autoencoder(task.inputs["prior"], autoencoding)
    return autoencoder.decode(latents, size), facts


def _choose(task: Task, settings: Selection) -> torch.Tensor:
    """Return the chosen indices, (M,): of latents if latents are compared, else of images."""
    config, wanted = settings.config, task.about
    coreset = CORESETS[config.coreset]
    given: dict[str, Any] = {
        "count": len(task.inputs["images"]),
        "ipc": wanted.images,
        "random_state": seed_of_class(settings.distillation.seed, wanted.spec.wnid),
    }
    if "features" in coreset.takes:
        given["features"] = FEATURES[config.features].extract(task, settings.schooling)
    if "centres" in coreset.takes:
        given["centres"] = _centres(task, given["features"], settings.found_by)
    return coreset.pick(**{name: given[name] for name in coreset.takes})


def _centres(task: Task, features: torch.Tensor, found_by: ModesConfig | None) -> torch.Tensor:
    """Return the modes from the earlier stage, or find modes of the features."""
    if found_by is None:
        found: torch.Tensor = task.inputs["modes"]["modes"]
        return found
    spatial = features if features.ndim == 4 else features.flatten(1)[:, :, None, None]
    found_by = replace(found_by, ipc=task.about.images)
    return find_modes(spatial, found_by, task.about.spec.wnid).modes
