"""SRe2L: images that a trained network classifies, and whose statistics it knows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.devices import reproducible
from mgd3_kedro.evaluation.augment import draw_crops, normalize, resized_crop
from mgd3_kedro.matching.batch_norm import batch_norm_distances, frozen
from mgd3_kedro.matching.losses import LossCurve
from mgd3_kedro.matching.pixels import OptimisedImages, denormalize, to_bytes

ADAM_BETAS = (0.5, 0.9)


@dataclass(frozen=True)
class Sre2lConfig:
    """How images are found.

    Args:
        iterations: Updates of the pixels.
        learning_rate: Of Adam on normalised pixels; half a cosine down to zero follows.
        r_bn: Weight of the batch-norm statistics against the cross-entropy.
        first_bn_multiplier: Further weight of the first batch-norm layer.
        crop_min_scale: Smallest share of the area a random crop keeps, in (0, 1].
        flip_probability: Of mirroring, in [0, 1].
        jitter: Pixels that a batch is rolled down and right, at most.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    iterations: int
    learning_rate: float
    r_bn: float
    first_bn_multiplier: float
    crop_min_scale: float
    flip_probability: float
    jitter: int

    def __post_init__(self) -> None:
        check_count("iterations", self.iterations)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)
        check_range("r_bn", self.r_bn, 0)
        check_range("first_bn_multiplier", self.first_bn_multiplier, 0)
        check_range("crop_min_scale", self.crop_min_scale, 0, 1, low_open=True)
        check_range("flip_probability", self.flip_probability, 0, 1)
        check_count("jitter", self.jitter, 0)

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of an update: half a cosine from the peak down to zero.

        Source: SRe2L (arXiv 2306.13092), released code.
        """
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * step / self.iterations))


def invert_teacher(
    teacher: nn.Module,
    labels: torch.Tensor,
    image_size: int,
    config: Sre2lConfig,
    generator: torch.Generator,
) -> OptimisedImages:
    """Find images of given classes, all together: their statistics are those of the batch.

    Noise is optimised until the teacher classifies it, and mean and variance of what enters its
    batch-norm layers are those of the training set. The whole batch is cropped, mirrored and
    rolled alike, anew for every update; pixels are clamped to the colours there are after it.
    The teacher is left as it was.

    Args:
        teacher: Maps normalised images (B, 3, S, S) to logits (B, n); has batch norm.
        labels: (B,), int64, 0..n-1; the published runs have a hundred different ones.
        image_size: Side of the images in pixels.
        config: How images are found.
        generator: Source of randomness, on CPU.

    Returns:
        Images (B, 3, S, S) and the loss before every update.

    Raises:
        ValueError: If the teacher has no batch norm, or labels are not of its classes.
        FloatingPointError: If the loss is not finite.

    Source: SRe2L (arXiv 2306.13092), recover stage, released code, without its priors on pixels,
    as in its published runs.
    """
    check_count("image_size", image_size)
    if labels.ndim != 1 or len(labels) == 0 or labels.dtype != torch.int64:
        raise ValueError(
            f"labels: expected int64 of shape (B,) with B > 0, got {labels.dtype} of shape "
            f"{tuple(labels.shape)}"
        )
    device = next(teacher.parameters()).device
    noise = torch.randn(len(labels), 3, image_size, image_size, generator=generator)
    pixels = noise.to(device).requires_grad_()
    low, high = (normalize(torch.full((1, 3, 1, 1), end, device=device)) for end in (0.0, 1.0))
    optimizer = torch.optim.Adam([pixels], lr=config.learning_rate, betas=ADAM_BETAS)
    losses = LossCurve("SRe2L", config.iterations)
    with frozen(teacher), batch_norm_distances(teacher) as distances, reproducible(None):
        _check_known(labels, teacher, pixels)
        targets = labels.to(device)
        for step in range(config.iterations):
            optimizer.param_groups[0]["lr"] = config.learning_rate_at(step)
            logits = teacher(_augment(pixels, config, generator))
            first, *others = distances.values()
            statistics = config.first_bn_multiplier * first + sum(others)
            loss = F.cross_entropy(logits, targets) + config.r_bn * statistics
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                pixels.clamp_(low, high)
            losses.add(loss)
    names = [f"image {number} of label {label}" for number, label in enumerate(labels.tolist())]
    return OptimisedImages(to_bytes(denormalize(pixels), names), losses.values())


def _augment(pixels: torch.Tensor, config: Sre2lConfig, generator: torch.Generator) -> torch.Tensor:
    """Crop, mirror and roll all images (B, 3, S, S) alike."""
    count, size = len(pixels), pixels.shape[-1]
    crop = draw_crops(1, size, config.crop_min_scale, generator)
    flip = torch.rand(1, generator=generator) < config.flip_probability
    shifts = torch.randint(config.jitter + 1, (2,), generator=generator).tolist()
    crops, flips = (drawn.to(pixels.device) for drawn in (crop, flip))
    cropped = resized_crop(pixels, crops.expand(count, 4), flips.expand(count), size)
    return cropped.roll(shifts, dims=(2, 3))


@torch.no_grad()
def _check_known(labels: torch.Tensor, teacher: nn.Module, pixels: torch.Tensor) -> None:
    low, high, num_classes = int(labels.min()), int(labels.max()), teacher(pixels[:1]).shape[1]
    if low < 0 or high >= num_classes:
        raise ValueError(f"labels: expected 0..{num_classes - 1}, the teacher's, got {low}..{high}")
