"""Differentiable siamese augmentation (DSA): drawn first, one row a sample, then applied.

A call uses *one* operation, drawn evenly from those of the strategy; "color" alone consists of
several steps. The whole batch shares the operation. Its parameters are each sample's own where a
network is trained; in the siamese case, where real and synthetic images are compared, they are
shared too. Images are normalised.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from mgd3_kedro.checks import lookup
from mgd3_kedro.devices import send
from mgd3_kedro.evaluation.siamese_operations import OPERATIONS

STRATEGY = "color_crop_cutout_flip_scale_rotate"
"""The operations of the released code."""


class Siamese(NamedTuple):
    """Parameters of N samples, or of one row for all samples of any batch.

    Args:
        operation: A name of `OPERATIONS`, the same for all samples.
        values: (N, P), float, what the operation draws.
    """

    operation: str
    values: torch.Tensor

    def rows(self, selected: slice, device: torch.device) -> Siamese:
        """Return the parameters of some samples, on a device."""
        return Siamese(self.operation, send(self.values[selected], device))


def draw_siamese(
    count: int,
    image_size: int,
    generator: torch.Generator,
    *,
    shared: bool,
    strategy: str = STRATEGY,
) -> Siamese:
    """Draw an operation, and its parameters for N samples.

    Args:
        count: Number of samples, N.
        image_size: Side of the images in pixels, S.
        generator: Source of randomness, on CPU.
        shared: Whether all samples get the same parameters.
        strategy: Operations to choose from, joined by underscores.

    Raises:
        ValueError: If the strategy holds an unknown operation; the message lists the known ones.

    Source: DSA (arXiv 2102.08259), released code, mode "S".
    """
    names = strategy.split("_")
    operations = [lookup(OPERATIONS, name, "siamese operation") for name in names]
    chosen = int(torch.randint(len(names), (), generator=generator))
    values = operations[chosen].draw(1 if shared else count, image_size, generator)
    return Siamese(names[chosen], values.expand(count, -1))


def apply_siamese(images: torch.Tensor, parameters: Siamese) -> torch.Tensor:
    """Augment a batch; gradients flow back to its images.

    Args:
        images: (B, 3, S, S), normalised.
        parameters: B rows, or one for all.

    Source: DSA (arXiv 2102.08259), released code.
    """
    values = send(parameters.values, images.device).to(images.dtype)
    return OPERATIONS[parameters.operation].apply(images, values.expand(len(images), -1))
