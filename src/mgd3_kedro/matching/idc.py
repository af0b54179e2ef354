"""IDC: images that match the gradients of real images in a network, along its training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.devices import reproducible, resolve_device
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.matching.gradients import gradient_distance, gradients_of
from mgd3_kedro.matching.idc_settings import IdcConfig
from mgd3_kedro.matching.learner import NetworkTrainer, augment_in_turn
from mgd3_kedro.matching.losses import LossCurve
from mgd3_kedro.matching.mosaics import check_divisible, tile, untile
from mgd3_kedro.matching.pixels import (
    OptimisedImages,
    RealImages,
    check_real_images,
    draw_rows,
    to_bytes,
    to_unit,
)
from mgd3_kedro.matching.real_batches import LabelledBatches, shuffled_batches
from mgd3_kedro.randomness import seeded_globals


def match_gradients(
    classes: Sequence[RealImages],
    counts: Sequence[int],
    config: IdcConfig,
    generator: torch.Generator,
) -> OptimisedImages:
    """Distil all classes: optimise the pixels of some of their images.

    A network is trained on real images. During its training, synthetic images are optimised class
    by class, so that the gradients of its convolutions come nearer to those on real images.

    Args:
        classes: Real images of each class, (N, 3, S, S), uint8; the position is the label.
        counts: Number of images to make, for each class.
        config: Settings.
        generator: Source of randomness, on CPU.

    Returns:
        Images (M, 3, S, S), one class after the other, and the mean loss of the classes at every
        inner iteration. With a `factor` above 1, networks must be trained on the output of `decode`
        for these images.

    Raises:
        ValueError: If there are fewer than two classes or not one count for each, images differ in
            size, a class has too few images, or S is not a multiple of `factor`.
        FloatingPointError: If the loss is not finite.

    Source: IDC (arXiv 2205.14959), Algorithm 1 and released code.
    """
    size = _check_classes(classes, counts, config.factor)
    device, number = resolve_device(config.device), len(classes)
    starts = [
        _start(images, count, config.factor, generator)
        for images, count in zip(classes, counts, strict=True)
    ]
    parts = [slice(end - count, end) for count, end in zip(counts, accumulate(counts), strict=True)]
    # One tensor for all classes: momentum also moves a class while the others are updated.
    pixels = to_unit(torch.cat(starts), device).requires_grad_()
    rate = config.learning_rate_for(max(counts), size)
    optimizer = torch.optim.SGD([pixels], lr=rate, momentum=config.momentum)
    by_class = [shuffled_batches(len(real), config.batch_real, generator) for real in classes]
    batches = LabelledBatches(classes, config.batch_real, generator)
    losses = LossCurve("IDC", config.outer_iterations * config.inner_iterations)
    seed = int(torch.randint(2**31, (), generator=generator))
    with reproducible(None), seeded_globals(device, seed):
        for _ in range(config.outer_iterations):
            network = build_network(config.network, number, size).to(device)
            learner = NetworkTrainer(network, batches, number, config, generator)
            learner.train_epochs(config.pretrain_epochs)
            with torch.no_grad():
                pixels.clamp_(0, 1)
            for _ in range(config.inner_iterations):
                total = torch.zeros((), device=device)
                for label, part in enumerate(parts):
                    real = to_unit(classes[label][next(by_class[label])], device)
                    loss = _class_loss(network, real, pixels[part], label, config, generator)
                    # For the pixels only: second derivatives of the weights are not needed.
                    (gradient,) = torch.autograd.grad(loss, pixels)
                    # The learning rate is in proportion to the number of images of the class.
                    pixels.grad = gradient * (counts[label] / max(counts))
                    optimizer.step()
                    total += loss.detach()
                losses.add(total / number)
                learner.train_images(config.network_images)
    names = [
        f"image {image} of label {label}"
        for label, count in enumerate(counts)
        for image in range(count)
    ]
    return OptimisedImages(to_bytes(pixels, names), losses.values())


def decode(images: torch.Tensor, factor: int) -> torch.Tensor:
    """Enlarge every patch of the images to the full image size.

    Args:
        images: (B, 3, S, S), S a multiple of `factor`.
        factor: Patches along a side; 1 changes nothing.

    Returns:
        (B * factor * factor, 3, S, S); the patches of an image follow each other.

    Source: IDC (arXiv 2205.14959), section 3.1, multi-formation.
    """
    if factor == 1:
        return images
    patches = untile(images, factor).flatten(0, 1)
    return F.interpolate(patches, size=images.shape[-1], mode="bilinear", align_corners=False)


def _class_loss(
    network: nn.Module,
    real: torch.Tensor,
    synthetic: torch.Tensor,
    label: int,
    config: IdcConfig,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the gradient distance of real (N, 3, S, S) and synthetic (M, 3, S, S) images.

    Both are in [0, 1].
    """
    shown = decode(synthetic, config.factor)
    shown = shown[draw_rows(len(shown), config.batch_synthetic, generator).to(shown.device)]
    both = normalize(torch.cat((real, shown)))
    both = augment_in_turn(both, config.strategy, generator, shared=True)
    real, shown = both.split((len(real), len(shown)))
    return gradient_distance(
        [gradient.detach() for gradient in gradients_of(network, real.detach(), label)],
        gradients_of(network, shown, label, differentiable=True),
    )


def _check_classes(classes: Sequence[RealImages], counts: Sequence[int], factor: int) -> int:
    if len(classes) < 2:
        raise ValueError(f"classes: expected at least 2, got {len(classes)}")
    if len(counts) != len(classes):
        raise ValueError(f"counts: expected one for each of {len(classes)}, got {len(counts)}")
    for label, (images, count) in enumerate(zip(classes, counts, strict=True)):
        check_real_images(f"classes[{label}]", images, count, count * factor**2)
    sizes = sorted({images.shape[-1] for images in classes})
    if len(sizes) > 1:
        raise ValueError(f"classes: expected images of one side, got {sizes} px")
    check_divisible(sizes[0], factor)
    return sizes[0]


def _start(images: RealImages, count: int, factor: int, generator: torch.Generator) -> torch.Tensor:
    """Return initial images (count, 3, S, S): mosaics of real images at every factor-th pixel."""
    rows = draw_rows(len(images), count * factor**2, generator)
    patches = images[rows][..., ::factor, ::factor]
    return tile(patches.unflatten(0, (count, factor**2)), factor)
