"""CutMix of one batch: draw a box, then paste it.

The box is drawn with an explicit CPU generator, so a seed gives the same box on every device.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from mgd3_kedro.devices import send


class Cut(NamedTuple):
    """CutMix parameters of a batch.

    Args:
        partners: (B,), int64, for each sample, the sample that its box is copied from.
        top: First row of the box.
        bottom: Row after the last of the box.
        left: First column of the box.
        right: Column after the last of the box.
    """

    partners: torch.Tensor
    top: int
    bottom: int
    left: int
    right: int


def draw_cut(count: int, image_size: int, generator: torch.Generator) -> Cut:
    """Draw one permutation and one box for a batch.

    The mixing ratio has the distribution Beta(1, 1), which is uniform. The box is clipped at the
    image's edge.

    Args:
        count: Samples of the batch, B.
        image_size: Side of the images in pixels.
        generator: Source of randomness, on CPU.

    Source: CutMix (arXiv 1905.04899), Eq. 2, with half sides rounded down as in its code.
    """
    partners = torch.randperm(count, generator=generator)
    kept = torch.rand((), generator=generator).item()
    row, column = torch.randint(image_size, (2,), generator=generator).tolist()
    half = int(image_size * math.sqrt(1 - kept)) // 2
    return Cut(
        partners,
        top=max(row - half, 0),
        bottom=min(row + half, image_size),
        left=max(column - half, 0),
        right=min(column + half, image_size),
    )


def cut_mix(
    images: torch.Tensor, targets: torch.Tensor, cut: Cut
) -> tuple[torch.Tensor, torch.Tensor]:
    """Paste each partner's box into a batch and mix the targets by the box's true area.

    Args:
        images: (B, 3, S, S).
        targets: (B, n), class probabilities.
        cut: Partners and box.

    Returns:
        Mixed images (B, 3, S, S) and mixed targets (B, n).

    Source: CutMix (arXiv 1905.04899), Eq. 1.
    """
    partners = send(cut.partners, images.device)
    box = (..., slice(cut.top, cut.bottom), slice(cut.left, cut.right))
    mixed = images.clone()
    mixed[box] = images[box][partners]
    pasted = (cut.bottom - cut.top) * (cut.right - cut.left) / (images.shape[-2] * images.shape[-1])
    return mixed, torch.lerp(targets, targets[partners], pasted)
