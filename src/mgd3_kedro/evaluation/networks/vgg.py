"""VGG-11: eight convolutions with instance norm, five poolings, one linear layer."""

from __future__ import annotations

from torch import nn

from mgd3_kedro.evaluation.networks.layers import Classifier, check_image_size, instance_norm

STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Channels of the convolutions of each stage; every stage ends by halving the image."""


def vgg11(num_classes: int, image_size: int) -> Classifier:
    """Build a VGG-11.

    The linear layer reads the whole last feature map: 7 x 7 pixels at 224 px, one pixel at 32 px.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels; each stage halves it, rounding down.

    Raises:
        ValueError: If the images are too small to be halved five times.

    Source: VGG (arXiv 1409.1556), Table 1, column A; instance norm and a single linear layer as in
    Dataset condensation (arXiv 2006.05929) and GLaD (arXiv 2305.01649), released code.
    """
    check_image_size("vgg11", image_size, 2 ** len(STAGES))
    side = image_size >> len(STAGES)
    layers: list[nn.Module] = []
    channels = 3
    for stage in STAGES:
        for out in stage:
            layers += [
                nn.Conv2d(channels, out, 3, padding=1),
                instance_norm(out),
                nn.ReLU(inplace=True),
            ]
            channels = out
        layers.append(nn.MaxPool2d(2))
    return Classifier(nn.Sequential(*layers, nn.Flatten()), channels * side * side, num_classes)
