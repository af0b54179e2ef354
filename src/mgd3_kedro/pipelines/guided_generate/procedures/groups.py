"""Groups of sampled images; one group per class is chosen, jointly for all classes (IMS3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from mgd3_kedro.backbones import load_backbone
from mgd3_kedro.checks import check_count, check_finite, lookup, naming
from mgd3_kedro.named_settings import without_parameters
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    GenerationPlan,
    Needs,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import (
    fitting_batches,
    knobs_of,
    needs_of_denoising,
    plan_denoising,
)
from mgd3_kedro.pipelines.guided_generate.procedures.features import FEATURES
from mgd3_kedro.pipelines.guided_generate.procedures.pool import draw_pool, modes_of
from mgd3_kedro.pipelines.guided_generate.procedures.settings import (
    TEACHING,
    Denoising,
    TeacherInput,
    check_draws,
)
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.pipelines.guided_generate.procedures.trying import advise_on_samples
from mgd3_kedro.pipelines.guided_generate.provenance import (
    ImageOrigin,
    describe_images,
    place_images,
)
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import GroupObjective
from mgd3_kedro.stages import Made, Task


@dataclass(frozen=True)
class GroupsConfig:
    """Configuration of the sampling and the choice of groups.

    Args:
        draws: Settings of a method with the procedure `denoise`.
        groups: Number of groups per class.
        features: A name of `FEATURES`, by which groups are compared.
        alpha: Weight of the distance to the real images, see `GroupObjective`.
        beta: Weight of the distance to the other classes.
        pair_weight: Additional factor of the distance to the other classes.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    draws: Mapping[str, Any]
    groups: int
    features: str
    alpha: float
    beta: float
    pair_weight: float

    def __post_init__(self) -> None:
        check_draws(self.draws)
        check_count("groups", self.groups)
        lookup(FEATURES, self.features, "features")
        _ = self.objective

    @property
    def objective(self) -> GroupObjective:
        """Objective of the choice."""
        return GroupObjective(self.alpha, self.beta, self.pair_weight)

    @property
    def compared(self) -> tuple[Source, ...]:
        """Sources of the features of groups and real images."""
        return compared_by(self.features)


@dataclass(frozen=True)
class GroupDrawing:
    """Settings of the sampling of groups.

    Args:
        denoising: Settings of sampling.
        groups: Number of groups per class.
    """

    denoising: Denoising
    groups: int


def compared_by(features: str) -> tuple[Source, ...]:
    """Return the sources of the features of groups and real images.

    Groups are stored as latents. Other features need the autoencoder of the prior, which decodes
    the groups.

    Args:
        features: A name of `FEATURES`.
    """
    needs = FEATURES[features].needs
    return needs if "latents" in needs else ("images", *needs, "prior")


def read_groups(settings: Mapping[str, Any]) -> GroupsConfig:
    """Read the settings of a method, with or without its procedure.

    Raises:
        ValueError: If a setting is unknown, missing or does not fit.
    """
    own = without_parameters(settings)
    own.pop("procedure", None)
    return build_settings(GroupsConfig, own)


def needs_of_groups(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of the sampling and the comparison of groups.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.
    """
    config = read_groups(settings)
    asked = [
        *(("autoencoder",) if "prior" in config.compared else ()),
        *(TEACHING if "teacher" in config.compared else ()),
    ]
    drawn = needs_of_denoising(config.draws, parameters)
    return drawn._replace(comparison=Needs.of(config.compared, asked))


def plan_groups(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan groups of images of every class.

    Raises:
        ValueError: If a setting is unknown, missing or does not fit.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    config = read_groups(settings)
    plan = plan_draws(config.draws, config.groups, common)
    if "teacher" not in config.compared:
        return plan
    return plan._replace(try_teacher=partial(try_features, schooling=TeacherInput.of(common)))


def plan_draws(draws: Mapping[str, Any], groups: int, common: Common) -> GenerationPlan:
    """Plan the sampling of groups of images, without a choice between them.

    Args:
        draws: Settings of a method with the procedure `denoise`.
        groups: Number of groups per class.
        common: Settings that methods share.

    Raises:
        ValueError: If a setting is unknown or invalid, or if `candidates` is above 1.
    """
    plan = plan_denoising(draws, common)
    denoising: Denoising = plan.settings
    if (candidates := denoising.sampling.candidates) > 1:
        group = "methods.NAME.draws" if "candidates" in draws else "sampling"
        raise ValueError(
            f"candidates: expected 1, as the method draws several times itself, got {candidates}; "
            f"set {group}.candidates=1"
        )
    settings = GroupDrawing(denoising, groups)
    return plan._replace(function=draw_groups_of_classes, settings=settings, in_groups=True)


def try_features(folder: ModelFolder, schooling: TeacherInput) -> None:
    """Check that a teacher has a feature extractor.

    Raises:
        ValueError: If it has none.
    """
    _ = teacher_at(folder, schooling).extractor


def draw_groups_of_classes(batch: Mapping[str, Task], settings: GroupDrawing) -> dict[str, Made]:
    """Sample groups of images of all classes of the batch; a group has one image per mode.

    Group g of a class equals candidate g of the procedure `denoise`. Therefore group 0 equals the
    images of the same method without groups.

    Returns:
        wnid -> `latents` (G, K, C, H, W), scaled, with a row for each image of each group.

    Raises:
        NotFiniteError: If samples are not finite.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    denoising, counts = settings.denoising, modes_of(batch)
    model = next(iter(batch.values())).inputs["prior"]
    backbone = load_backbone(model, denoising.diffusion)
    repeated = replace(denoising.sampling, candidates=settings.groups)
    batches = fitting_batches(model, denoising.diffusion)
    pool = draw_pool(batch, replace(denoising, sampling=repeated), backbone, batches)
    steps = len(denoising.sampling.guided_steps(backbone.timesteps))
    knobs, made = knobs_of(model, denoising), {}
    for (wnid, task), groups in zip(batch.items(), pool.split(counts, dim=1), strict=True):
        with naming(f"class {wnid}"):
            check_finite("samples", groups.transpose(0, 1), advise_on_samples(denoising.diffusion))
        origin = ImageOrigin(task.about.spec, denoising.distillation, knobs)
        rows = [row for facts in _places(groups, task) for row in describe_images(origin, facts)]
        value = {"latents": groups}
        made[wnid] = Made(value, len(rows), {"guided_steps": steps}, tuple(rows))
    return made


def _places(groups: torch.Tensor, task: Task) -> list[list[dict[str, Any]]]:
    """Return the facts of each image of each group."""
    real, modes = task.inputs["latents"]["latents"], task.inputs["modes"]
    return [
        [{**fact, "group": number} for fact in place_images(latents, real, modes)]
        for number, latents in enumerate(groups)
    ]
