"""Differentiable siamese augmentation (DSA): draw the parameters, then apply them.

One call uses *one* operation for the whole batch, drawn uniformly from those of the strategy. Only
"color" consists of several steps. In the training of a network, each sample has its own parameters.
In the siamese case, which compares real and synthetic images, all samples share the parameters.
Images are normalised.
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
    """Parameters of N samples; with N = 1, all samples of a batch share the row.

    Args:
        operation: A name of `OPERATIONS`, the same for all samples.
        values: (N, P), float, drawn parameters of the operation.
    """

    operation: str
    values: torch.Tensor

    def rows(self, selected: slice, device: torch.device) -> Siamese:
        """Return the parameters of the selected samples, on a device."""
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
        strategy: Names of operations to choose from, joined by underscores.

    Raises:
        ValueError: If the strategy has an unknown operation; the message lists the known ones.

    Source: DSA (arXiv 2102.08259), released code, mode "S".
    """
    names = strategy.split("_")
    operations = [lookup(OPERATIONS, name, "siamese operation") for name in names]
    chosen = int(torch.randint(len(names), (), generator=generator))
    values = operations[chosen].draw(1 if shared else count, image_size, generator)
    return Siamese(names[chosen], values.expand(count, -1))


def apply_siamese(images: torch.Tensor, parameters: Siamese) -> torch.Tensor:
    """Augment a batch; the operation is differentiable with respect to the images.

    Args:
        images: (B, 3, S, S), normalised.
        parameters: B rows, or one row for all samples.

    Returns:
        (B, 3, S, S).

    Source: DSA (arXiv 2102.08259), released code.
    """
    values = send(parameters.values, images.device).to(images.dtype)
    return OPERATIONS[parameters.operation].apply(images, values.expand(len(images), -1))
