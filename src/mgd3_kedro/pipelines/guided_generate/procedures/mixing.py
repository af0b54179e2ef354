"""A mixture of sampled and real images: each mode gets one or the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from mgd3_kedro.checks import check_range
from mgd3_kedro.images import encoded_images
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    GenerationPlan,
    Needs,
    Source,
    build_settings,
)
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import (
    denoise_classes,
    knobs_of,
    needs_of_denoising,
    plan_denoising,
)
from mgd3_kedro.pipelines.guided_generate.procedures.settings import Denoising, check_draws
from mgd3_kedro.pipelines.guided_generate.provenance import (
    ImageOrigin,
    describe_images,
    place_images,
)
from mgd3_kedro.stages import Made, Task

SHARE = "kept_share"
SOURCES: tuple[Source, ...] = ("images",)
PLACES = ("mode", "nearest_mode", "nearest_mode_in_layout")
"""Facts of an image that are numbers of modes."""


@dataclass(frozen=True)
class MixingConfig:
    """Configuration of the mixture.

    Args:
        draws: Settings of a method with the procedure `denoise`.
        kept_share: Share of the modes of a class that get a real image, 0..1, rounded down; at
            least one image is sampled.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    draws: Mapping[str, Any]
    kept_share: float

    def __post_init__(self) -> None:
        check_draws(self.draws)
        check_range(SHARE, self.kept_share, 0, 1)


@dataclass(frozen=True)
class Mixing:
    """Settings of the mixture.

    Args:
        denoising: Settings of sampling.
        kept_share: Share of the modes that get a real image.
    """

    denoising: Denoising
    kept_share: float


def needs_of_mixing(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Needs:
    """Return the inputs of a mixture of sampled and real images.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.
    """
    needs = needs_of_denoising(build_settings(MixingConfig, settings).draws, parameters)
    entries = Needs.of(SOURCES, ()).entries
    return needs._replace(entries=tuple(dict.fromkeys((*needs.entries, *entries))))


def plan_mixing(settings: Mapping[str, Any], common: Common) -> GenerationPlan:
    """Plan a mixture of sampled and real images.

    Raises:
        ValueError: If a setting is unknown, missing or invalid.
    """
    config = build_settings(MixingConfig, settings)
    drawn = plan_denoising(config.draws, common)
    return drawn._replace(
        function=mix_classes,
        settings=Mixing(drawn.settings, config.kept_share),
        needs=(*drawn.needs, *SOURCES),
    )


def mix_classes(batch: Mapping[str, Task], settings: Mixing) -> dict[str, Made]:
    """Sample images for the modes with most members, and take a real image for each other mode.

    The idea: a model samples typical images well, but it was trained on too few rare ones. The
    sampled images of a class come first, then the real ones; both are sorted by the number of
    members of their modes, the largest first.

    Source: ours.
    """
    parts = {
        wnid: part_modes(task.inputs["modes"]["assignment"], task.about.images, settings.kept_share)
        for wnid, task in batch.items()
    }
    asked = {wnid: _only(task, parts[wnid][0]) for wnid, task in batch.items()}
    drawn = denoise_classes(asked, settings.denoising)
    return {
        wnid: _add_kept(task, *parts[wnid], drawn[wnid], settings) for wnid, task in batch.items()
    }


def part_modes(
    assignment: torch.Tensor, count: int, share: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the modes with a sampled image, and the modes with a real image.

    Args:
        assignment: (N,), int64, the mode of each real latent, -1 for none.
        count: Number of modes, K.
        share: Share of the modes that get a real image, rounded down; at least one mode gets a
            sampled image.

    Returns:
        Numbers of modes, int64, sorted by the number of members, the largest first; ties keep
        their order.
    """
    members = torch.bincount(assignment[assignment >= 0], minlength=count)
    order = members.argsort(descending=True, stable=True)
    # A product that should be a whole number of modes may be too small by rounding.
    drawn = max(1, count - int(count * share + 1e-9))
    return order[:drawn], order[drawn:]


def keep_members(
    latents: torch.Tensor, modes: Mapping[str, torch.Tensor], kept: torch.Tensor
) -> torch.Tensor:
    """Return the nearest member of each of some modes.

    For a mode without members, this is the nearest latent of the class.

    Args:
        latents: (N, C, H, W), real latents of the class.
        modes: `modes` (K, C, H, W) and `assignment` (N,).
        kept: (k,), numbers of the modes.

    Returns:
        (k,), int64, indices of the latents; they are different for modes that have members.
    """
    chosen = []
    for mode in kept.tolist():
        distances = (latents - modes["modes"][mode]).flatten(1).norm(dim=1)
        is_member = modes["assignment"] == mode
        if is_member.any():
            distances[~is_member] = torch.inf
        chosen.append(distances.argmin())
    return torch.tensor(chosen, dtype=torch.int64)


def _only(task: Task, places: torch.Tensor) -> Task:
    """Return a task with some of the modes, in this order."""
    found = task.inputs["modes"]
    ranks = torch.full((len(found["modes"]) + 1,), -1)
    ranks[places] = torch.arange(len(places))
    # The last entry is for latents without a mode, whose assignment is -1.
    modes = {"modes": found["modes"][places], "assignment": ranks[found["assignment"]]}
    return Task({**task.inputs, "modes": modes}, replace(task.about, images=len(places)))


def _add_kept(
    task: Task, drawn: torch.Tensor, kept: torch.Tensor, made: Made, settings: Mixing
) -> Made:
    rows, shown = _told(made.rows, drawn, settings), [made.value]
    if len(kept):
        encoded = task.inputs["latents"]
        members = keep_members(encoded["latents"], task.inputs["modes"], kept)
        knobs = knobs_of(task.inputs["prior"], settings.denoising)
        origin = ImageOrigin(task.about.spec, settings.denoising.distillation, knobs)
        facts = _place_members(encoded, members, _only(task, kept).inputs["modes"])
        rows += _told(describe_images(origin, facts, first=len(drawn)), kept, settings)
        shown.append(encoded_images(task.inputs["images"], encoded, members))
    return replace(made, value=torch.cat(shown), count=task.about.images, rows=tuple(rows))


def _place_members(
    encoded: Mapping[str, torch.Tensor], members: torch.Tensor, modes: Mapping[str, torch.Tensor]
) -> list[dict[str, Any]]:
    """Return the facts of real images, one image for each mode."""
    places = place_images(encoded["latents"][members], encoded["latents"], modes)
    origins = zip(encoded["image_numbers"][members], encoded["mirrored"][members], strict=True)
    return [
        {**fact, "image_number": int(number), "mirrored": bool(mirrored)}
        for fact, (number, mirrored) in zip(places, origins, strict=True)
    ]


def _told(
    rows: Sequence[Mapping[str, Any]], places: torch.Tensor, settings: Mixing
) -> list[dict[str, Any]]:
    """Return rows with mode numbers that refer to all modes of the class."""
    return [
        {**row, **{fact: int(places[row[fact]]) for fact in PLACES}, SHARE: settings.kept_share}
        for row in rows
    ]
