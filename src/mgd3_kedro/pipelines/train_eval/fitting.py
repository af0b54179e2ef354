"""Bringing images to the side that networks see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any

import torch

from mgd3_kedro.evaluation import EvaluationConfig, LabelledSet
from mgd3_kedro.evaluation.recipe import Recipe
from mgd3_kedro.evaluation.resampling import seen_images
from mgd3_kedro.pipelines.train_eval.originals import shown_images
from mgd3_kedro.stages import Made, Task


@dataclass(frozen=True)
class Fit:
    """How images are brought to the side that a network sees.

    Args:
        resize: Side they are resized to, in pixels.
        size: Side of the centre that is kept.
    """

    resize: int
    size: int


def fit_of(config: EvaluationConfig, image_size: int) -> Fit:
    """Return what a protocol does to the images of a benchmark; it never enlarges test images.

    Args:
        config: Has the protocol, and the side that networks see.
        image_size: Side of the benchmark's images, in pixels.

    Raises:
        ValueError: If networks are to see more pixels than there are.

    Source: Minimax diffusion (arXiv 2311.15529) and RDED (arXiv 2312.03526), released code.
    """
    return fit_to(config.recipe, config.side_of(image_size), image_size)


def fit_to(recipe: Recipe, size: int, image_size: int) -> Fit:
    """Return what a protocol does to images.

    Args:
        recipe: The protocol.
        size: Side of what networks see, in pixels.
        image_size: Side of the benchmark's images, in pixels.

    Source: Minimax diffusion (arXiv 2311.15529) and RDED (arXiv 2312.03526), released code.
    """
    return Fit(max(min(recipe.resized_side(size), image_size), size), size)


def fit_classes(batch: Mapping[str, Task], settings: Fit) -> dict[str, Made]:
    """Decode the test images of some classes, at the side that networks see.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    made = {}
    for wnid, task in batch.items():
        images = seen_images(task.inputs["images"], *astuple(settings))
        made[wnid] = Made({"images": images}, len(images))
    return made


def training_set(
    classes: Sequence[Any],
    recipe: Recipe,
    fit: Fit,
    weights: Sequence[float] | None = None,
    small_images: int = 1,
) -> LabelledSet:
    """Put the images of all classes together, at the side that the protocol crops them from.

    Args:
        classes: Images of each, (N, 3, H, H), uint8, in label order, perhaps not decoded yet.
        recipe: The protocol.
        fit: That side.
        weights: What the images count for; None: all alike.
        small_images: Small images in the place of each that was asked for.
    """
    show = partial(
        shown_images,
        resize=fit.resize,
        size=fit.size,
        fitted=recipe.fitted,
        small_images=small_images,
    )
    counts_for = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    return replace(LabelledSet.of_classes(classes, show), weights=counts_for)
