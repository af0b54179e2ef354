"""ResNet-18 with instance norm."""

from __future__ import annotations

from torch import nn

from mgd3_kedro.evaluation.networks.layers import (
    Classifier,
    Residual,
    check_resnet_input,
    instance_norm,
    reset_convolutions,
)

PLANES = (64, 128, 256, 512)
"""Channels of the stages; every stage after the first halves the image."""
BLOCKS_PER_STAGE = 2


def resnet18(num_classes: int, image_size: int) -> Classifier:
    """Build a ResNet-18.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels, which selects the stem.

    Raises:
        ValueError: If the images are too small for three halvings.

    Source: ResNet (arXiv 1512.03385), Table 1; instance norm and small stems as in IDC
    (arXiv 2205.14959), released code.
    """
    check_resnet_input("resnet18", image_size)
    blocks: list[nn.Module] = [_stem(image_size)]
    channels = PLANES[0]
    for stage, planes in enumerate(PLANES):
        for block in range(BLOCKS_PER_STAGE):
            stride = 2 if stage > 0 and block == 0 else 1
            blocks.append(_block(channels, planes, stride))
            channels = planes
    network = Classifier(
        nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels, num_classes
    )
    reset_convolutions(network)
    return network


def _stem(image_size: int) -> nn.Sequential:
    kernel, stride = (7, 2) if image_size > 128 else (3, 1)
    return nn.Sequential(
        nn.Conv2d(3, PLANES[0], kernel, stride, padding=kernel // 2, bias=False),
        instance_norm(PLANES[0]),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1) if image_size > 64 else nn.Identity(),
    )


def _block(channels: int, planes: int, stride: int) -> Residual:
    body = nn.Sequential(
        nn.Conv2d(channels, planes, 3, stride, padding=1, bias=False),
        instance_norm(planes),
        nn.ReLU(inplace=True),
        nn.Conv2d(planes, planes, 3, padding=1, bias=False),
        instance_norm(planes),
    )
    if stride == 1 and channels == planes:
        return Residual(body, nn.Identity())
    shortcut = nn.Sequential(
        nn.Conv2d(channels, planes, 1, stride, bias=False), instance_norm(planes)
    )
    return Residual(body, shortcut)
