"""Functions shared by methods without a diffusion model."""

from __future__ import annotations

import torch

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.pipelines.guided_generate.procedures.settings import MethodSettings
from mgd3_kedro.pipelines.guided_generate.provenance import ImageOrigin, describe_images
from mgd3_kedro.stages import Made, plain_settings


def describe_made(
    images: torch.Tensor,
    spec: ClassSpec,
    settings: MethodSettings,
    losses: torch.Tensor | None = None,
) -> Made:
    """Return the images of a class with their provenance and, if they were optimised, losses.

    Args:
        images: (B, 3, S, S), uint8.
        spec: The class.
        settings: Settings of the method.
        losses: One loss per update; None if the images were not optimised.
    """
    origin = ImageOrigin(spec, settings.distillation, plain_settings(settings.config))
    rows = describe_images(origin, [{}] * len(images))
    metrics = {}
    if losses is not None:
        metrics = {"first_loss": float(losses[0]), "last_loss": float(losses[-1])}
    return Made(images, len(images), metrics, rows)


def try_network(name: str, num_classes: int, image_size: int) -> None:
    """Check that a network accepts images of this size.

    Raises:
        ValueError: If the images are too small for it.
    """
    with torch.device("meta"):
        build_network(name, num_classes, image_size)
