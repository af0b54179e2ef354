"""ConvNet-D: D blocks of convolution, norm, ReLU and average pooling."""

from __future__ import annotations

import math

from torch import nn

from mgd3_kedro.evaluation.networks.layers import NORMS, Classifier, Halve

WIDTH = 128
"""Channels of every block."""


def fitted_convnet(num_classes: int, image_size: int) -> Classifier:
    """Build a ConvNet of the depth that is usual for the image size, 1 to 8 blocks.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels.

    Source: 3 blocks for 32 px, 4 for 64 px, 5 for 128 px (MTT, arXiv 2203.11932), 6 for 224 px
    (minimax diffusion, arXiv 2311.15529): the last feature map has about 4 pixels per side.
    """
    return convnet(num_classes, image_size, depth=min(8, max(1, round(math.log2(image_size)) - 2)))


def convnet(num_classes: int, image_size: int, *, depth: int, suffix: str = "") -> Classifier:
    """Build a ConvNet.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels; each block halves it.
        depth: Number of blocks.
        suffix: A suffix of `NORMS`.

    Raises:
        ValueError: If the images are too small to be halved `depth` times.

    Source: Dataset condensation (arXiv 2006.05929), appendix; 128 channels, instance norm; with
    batch norm as in RDED (arXiv 2312.03526), released code.
    """
    side = image_size >> depth
    if side < 1:
        raise ValueError(
            f"convnet{depth}{suffix}: expected images of at least {2**depth} px to halve {depth} "
            f"times, got {image_size} px; take a ConvNet of depth "
            f"{max(image_size, 2).bit_length() - 1} "
            "or less"
        )
    blocks: list[nn.Module] = []
    for block in range(depth):
        blocks += [
            nn.Conv2d(WIDTH if block else 3, WIDTH, 3, padding=1),
            NORMS[suffix](WIDTH),
            nn.ReLU(inplace=True),
            Halve(),
        ]
    return Classifier(nn.Sequential(*blocks, nn.Flatten()), WIDTH * side * side, num_classes)
