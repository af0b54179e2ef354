"""SRe2L: images that a trained network classifies and that match its batch-norm statistics."""

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
    """Settings of SRe2L.

    Args:
        iterations: Updates of the pixels.
        learning_rate: First learning rate of Adam on normalised pixels; it falls to zero along half
            a cosine.
        r_bn: Weight of the batch-norm distances relative to the cross-entropy.
        first_bn_multiplier: Further weight of the first batch-norm layer.
        crop_min_scale: Smallest share of the area that a random crop keeps, in (0, 1].
        flip_probability: Probability of mirroring, in [0, 1].
        jitter: Most pixels by which a batch is rolled down and right.

    Raises:
        ValueError: If a value is not valid; the message names the setting.
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
    """Optimise images of given classes as one batch, whose statistics they share.

    The images start from noise. They are optimised so that the teacher classifies them, and that
    the mean and variance of the input of its batch-norm layers match those of the training set. In
    every update, the whole batch is cropped, mirrored and rolled in the same random way. After it,
    pixels are clamped to the range from black to white. The teacher is not changed.

    Args:
        teacher: Maps normalised images (B, 3, S, S) to logits (B, n); has batch norm.
        labels: (B,), int64, 0..n-1; the published runs have a hundred different labels.
        image_size: Side of the images in pixels.
        config: Settings.
        generator: Source of randomness, on CPU.

    Returns:
        Images (B, 3, S, S) and the loss before every update.

    Raises:
        ValueError: If the teacher has no batch norm, or a label is not one of its classes.
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
    """Crop, mirror and roll all images (B, 3, S, S) in the same random way."""
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
