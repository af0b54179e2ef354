"""Resizing of images to the networks' input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any

import torch

from mgd3_kedro.evaluation import EvaluationConfig, LabelledSet
from mgd3_kedro.evaluation.recipe import Recipe
from mgd3_kedro.evaluation.resampling import resize_real_images
from mgd3_kedro.pipelines.train_eval.originals import load_training_images
from mgd3_kedro.stages import Made, Task


@dataclass(frozen=True)
class Fit:
    """Resize and centre crop, from images to a network's input.

    Args:
        resize: Side of the resized images, in pixels.
        size: Side of the centre crop, in pixels.
    """

    resize: int
    size: int


def fit_of(config: EvaluationConfig, image_size: int) -> Fit:
    """Return resize and centre crop for the images of a benchmark; test images are never enlarged.

    Args:
        config: Configuration with the protocol and the side of the networks' input.
        image_size: Side of the benchmark's images, in pixels.

    Raises:
        ValueError: If the configured side is larger than that of the benchmark.

    Source: Minimax diffusion (arXiv 2311.15529) and RDED (arXiv 2312.03526), released code.
    """
    return fit_to(config.recipe, config.side_of(image_size), image_size)


def fit_to(recipe: Recipe, size: int, image_size: int) -> Fit:
    """Return resize and centre crop of a protocol.

    Args:
        recipe: The protocol.
        size: Side of the networks' input, in pixels.
        image_size: Side of the benchmark's images, in pixels.

    Source: Minimax diffusion (arXiv 2311.15529) and RDED (arXiv 2312.03526), released code.
    """
    return Fit(max(min(recipe.resized_side(size), image_size), size), size)


def fit_classes(batch: Mapping[str, Task], settings: Fit) -> dict[str, Made]:
    """Decode the test images of some classes, and resize and crop them.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    made = {}
    for wnid, task in batch.items():
        images = resize_real_images(task.inputs["images"], *astuple(settings))
        made[wnid] = Made({"images": images}, len(images))
    return made


def training_set(
    classes: Sequence[Any],
    recipe: Recipe,
    fit: Fit,
    weights: Sequence[float] | None = None,
    small_images: int = 1,
) -> LabelledSet:
    """Return the training images of all classes, at the size that the protocol crops from.

    Args:
        classes: Images of each class, (N, 3, H, H), uint8, in label order, decoded or lazy.
        recipe: The protocol.
        fit: Resize and centre crop.
        weights: Weight of each image in the loss; None for equal weights.
        small_images: Small images that replace one image (multi-formation).
    """
    show = partial(
        load_training_images,
        resize=fit.resize,
        size=fit.size,
        fitted=recipe.fitted,
        small_images=small_images,
    )
    counts_for = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    return replace(LabelledSet.of_classes(classes, show), weights=counts_for)
