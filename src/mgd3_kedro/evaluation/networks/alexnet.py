"""AlexNet for small images: five convolutions, three poolings, one linear layer, no norm."""

from __future__ import annotations

from torch import nn

from mgd3_kedro.evaluation.networks.layers import Classifier, check_image_size

LAYERS = ((128, 5, True), (192, 5, True), (256, 3, False), (192, 3, False), (192, 3, True))
"""Channels, kernel and whether pooling follows, for each convolution."""
HALVINGS = 3


def alexnet(num_classes: int, image_size: int) -> Classifier:
    """Build an AlexNet.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels; each pooling halves it, rounding down.

    Raises:
        ValueError: If the images are too small to be halved three times.

    Source: Dataset condensation (arXiv 2006.05929) and GLaD (arXiv 2305.01649), released code.
    """
    check_image_size("alexnet", image_size, 2**HALVINGS)
    side = image_size >> HALVINGS
    layers: list[nn.Module] = []
    channels = 3
    for out, kernel, pooled in LAYERS:
        layers += [
            nn.Conv2d(channels, out, kernel, padding=kernel // 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2) if pooled else nn.Identity(),
        ]
        channels = out
    return Classifier(nn.Sequential(*layers, nn.Flatten()), channels * side * side, num_classes)
