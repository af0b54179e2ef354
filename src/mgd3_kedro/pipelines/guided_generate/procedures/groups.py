"""Groups of drawn images, of which one is kept for each class, with an eye on the others."""

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
    """How groups of images are drawn, and which of them are kept.

    Args:
        draws: How they are drawn: settings of a method that denoises.
        groups: How many of every class.
        features: A name of `FEATURES`: what they are compared by.
        alpha: Weight of nearness to the real images, see `GroupObjective`.
        beta: Weight of distance from the other classes.
        pair_weight: Further factor of the latter.

    Raises:
        ValueError: Naming the setting that does not fit.
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
        """What a choice is judged by."""
        return GroupObjective(self.alpha, self.beta, self.pair_weight)

    @property
    def compared(self) -> tuple[Source, ...]:
        """What features of groups, and of real images, are made from."""
        return compared_by(self.features)


@dataclass(frozen=True)
class GroupDrawing:
    """Settings of groups of images.

    Args:
        denoising: How they are drawn.
        groups: How many of every class.
    """

    denoising: Denoising
    groups: int


def compared_by(features: str) -> tuple[Source, ...]:
    """Return what groups and real images are compared by, for a name of `FEATURES`.

    Groups are kept as latents: what else is looked at of them, they are decoded for.
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
    """Return what groups of images are drawn from, and compared by.

    Raises:
        ValueError: If a setting is unknown, missing or does not fit.
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
    """Plan groups of images, whatever is kept of them.

    Args:
        draws: Settings of a method that denoises.
        groups: How many of every class.
        common: What methods share.

    Raises:
        ValueError: If a setting is unknown or does not fit, or makes draws of its own.
    """
    plan = plan_denoising(draws, common)
    denoising: Denoising = plan.settings
    if (candidates := denoising.sampling.candidates) > 1:
        raise ValueError(
            f"candidates: expected 1, as the method draws several times itself, got {candidates}; "
            "set sampling.candidates=1, or draws.plain=true"
        )
    settings = GroupDrawing(denoising, groups)
    return plan._replace(function=draw_groups_of_classes, settings=settings, in_groups=True)


def try_features(folder: ModelFolder, schooling: TeacherInput) -> None:
    """Refuse a teacher that does not tell features from logits."""
    _ = teacher_at(folder, schooling).extractor


def draw_groups_of_classes(batch: Mapping[str, Task], settings: GroupDrawing) -> dict[str, Made]:
    """Draw groups of images of all classes of the batch: an image of each mode in each group.

    Group g of a class is what a method with `candidates` draws as candidate g: group 0 is what the
    same method without groups keeps.

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
    """Return what is known of each image of each group."""
    real, modes = task.inputs["latents"]["latents"], task.inputs["modes"]
    return [
        [{**fact, "group": number} for fact in place_images(latents, real, modes)]
        for number, latents in enumerate(groups)
    ]
