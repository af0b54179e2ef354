"""ViT: a transformer over patches of the image."""

from __future__ import annotations

import torch
from torch import nn

from mgd3_kedro.evaluation.networks.layers import Classifier, check_image_size

WIDTH = 512
DEPTH = 10
HEADS = 8
HIDDEN = 512
"""Width of the hidden layer of each block's MLP."""
DROPOUT = 0.1
LARGEST_PATCH = 16
PATCHES_PER_SIDE = 8
"""Patches per side of images that are smaller than this number of the largest patches."""


class PatchTransformer(nn.Module):
    """The transformer of a ViT, whose output is the class token.

    Args:
        image_size: Side of the images in pixels.
        patch: Side of a patch in pixels; pixels beyond the last whole patch are ignored.

    Source: ViT (arXiv 2010.11929), Eq. 1-4.
    """

    def __init__(self, image_size: int, patch: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, patch, stride=patch)
        self.class_token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.randn(1, 1 + (image_size // patch) ** 2, WIDTH))
        self.dropout = nn.Dropout(DROPOUT)
        # nn.TransformerEncoder copies one layer: all layers would start with the same weights.
        self.layers = nn.Sequential(*(_layer() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the class token after the last layer, (B, D), of images (B, 3, H, W)."""
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], 1)
        tokens = self.layers(self.dropout(tokens + self.positions))
        features: torch.Tensor = self.norm(tokens[:, 0])
        return features


def vit(num_classes: int, image_size: int) -> Classifier:
    """Build a ViT.

    Patches have 16 px in images of 128 px or more, and image_size // 8 px in smaller images. If 8
    divides the image size, as in 32 or 64 px, small images have 8 x 8 patches.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels.

    Raises:
        ValueError: If the images have fewer than eight pixels per side.

    Source: ViT (arXiv 2010.11929), Eq. 1-4, with biases on queries, keys and values; sizes and
    dropout as in GLaD (arXiv 2305.01649), released code.
    """
    check_image_size("vit", image_size, PATCHES_PER_SIDE)
    patch = min(LARGEST_PATCH, image_size // PATCHES_PER_SIDE)
    return Classifier(PatchTransformer(image_size, patch), WIDTH, num_classes)


def _layer() -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        WIDTH, HEADS, HIDDEN, DROPOUT, "gelu", batch_first=True, norm_first=True
    )
