"""Features of groups of images, and the images of the chosen groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.checks import naming
from mgd3_kedro.images import LazyImages
from mgd3_kedro.pipelines.guided_generate.procedures.features import FEATURES
from mgd3_kedro.pipelines.guided_generate.procedures.groups import GroupsConfig
from mgd3_kedro.pipelines.guided_generate.procedures.settings import TeacherInput
from mgd3_kedro.sampling import centre_of
from mgd3_kedro.stages import Made, Task, neutral

REAL = 200
"""Largest number of real images of a class that are compared; with latents, all are."""


@dataclass(frozen=True)
class Comparison:
    """Settings of the features of groups.

    Args:
        features: A name of `FEATURES`.
        schooling: Settings of the teacher; None without a teacher.
        decoding: Configuration of the autoencoder, and side of the images in pixels; None if
            latents are compared.
    """

    features: str
    schooling: TeacherInput | None
    decoding: tuple[AutoencoderConfig, int] | None


@dataclass(frozen=True)
class GroupChoiceSettings:
    """Settings of the images of the chosen groups.

    Args:
        config: Configuration of sampling and choice.
        autoencoder: Configuration of the autoencoder.
        image_size: Side of the decoded images, in pixels.
    """

    config: GroupsConfig
    autoencoder: AutoencoderConfig
    image_size: int


@dataclass(frozen=True)
class KeptGroup:
    """The chosen group of a class.

    Args:
        group: Number of the group.
        rows: Provenance of its images, one row per image.
        metrics: Measurements of the sampling of the class's groups.
        seconds: Time of sampling and comparing these groups.
    """

    group: int
    rows: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, float]
    seconds: float = neutral()


def compare_groups_of_classes(batch: Mapping[str, Task], settings: Comparison) -> dict[str, Made]:
    """Return the centres of the groups and of the real images of every class.

    Returns:
        wnid -> `centres` (G, D) and `real` (D,), directions in feature space.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    extract = FEATURES[settings.features].extract
    made = {}
    for wnid, task in batch.items():
        with naming(f"class {wnid}"):
            drawn = extract(_as_real(task, settings), settings.schooling)
            real = extract(_with_few_images(task), settings.schooling)
            groups = drawn.unflatten(0, task.inputs["groups"]["latents"].shape[:2])
            centres = torch.stack([centre_of(group) for group in groups])
            value = {"centres": centres.float(), "real": centre_of(real).float()}
        made[wnid] = Made(value, len(centres))
    return made


def keep_groups_of_classes(
    batch: Mapping[str, Task], settings: GroupChoiceSettings
) -> dict[str, Made]:
    """Decode the images of the chosen group of every class.

    Returns:
        wnid -> images (K, 3, S, S), uint8.

    Raises:
        NotFiniteError: If pixels are not finite.

    Source: IMS3 (arXiv 2603.13960), selective subgroup sampling.
    """
    config, made = settings.config, {}
    knobs = {
        **{name: getattr(config, name) for name in ("groups", "features")},
        **vars(config.objective),
    }
    for wnid, task in batch.items():
        kept: KeptGroup = task.about
        latents = task.inputs["groups"]["latents"][kept.group]
        autoencoder = load_autoencoder(task.inputs["prior"], settings.autoencoder)
        names = [f"image {number} of class {wnid}" for number in range(len(latents))]
        images = autoencoder.decode(latents, settings.image_size, names)
        centres = task.inputs["features"]
        distance = 1 - float(centres["centres"][kept.group].double() @ centres["real"].double())
        told = {**knobs, "group_distance_to_real": distance}
        rows = tuple({**row, **told} for row in kept.rows)
        made[wnid] = Made(images, len(images), kept.metrics, rows, kept.seconds)
    return made


def _as_real(task: Task, settings: Comparison) -> Task:
    """Return a task in which the images of all groups replace the real images."""
    latents = task.inputs["groups"]["latents"].flatten(0, 1)
    if settings.decoding is None:
        return Task({"latents": {"latents": latents}})
    autoencoding, size = settings.decoding
    autoencoder = load_autoencoder(task.inputs["prior"], autoencoding)
    return Task({**task.inputs, "images": autoencoder.decode(latents, size)})


def _with_few_images(task: Task) -> Task:
    """Return a task with at most `REAL` real images, spread evenly over the class."""
    if "images" not in task.inputs:
        return task
    images: torch.Tensor | LazyImages = task.inputs["images"]
    numbers = torch.linspace(0, len(images) - 1, min(len(images), REAL)).round().long()
    return Task({**task.inputs, "images": images[numbers]})
