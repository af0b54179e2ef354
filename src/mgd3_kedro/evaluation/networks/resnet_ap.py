"""ResNetAP-10: a ResNet with average pooling in place of strided convolutions."""

from __future__ import annotations

from torch import nn

from mgd3_kedro.evaluation.networks.layers import (
    SMALLEST_RESNET_INPUT,
    Classifier,
    Halve,
    Residual,
    check_image_size,
    instance_norm,
    reset_convolutions,
)

PLANES = (64, 128, 256, 512)
"""Channels of the blocks; every block after the first halves the image."""


def resnet_ap10(num_classes: int, image_size: int) -> Classifier:
    """Build a ResNetAP-10.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels, which selects the stem.

    Raises:
        ValueError: If the images are too small for three halvings.

    Source: IDC (arXiv 2205.14959), released code; instance norm.
    """
    check_image_size("resnet_ap10", image_size, SMALLEST_RESNET_INPUT)
    blocks: list[nn.Module] = [_stem(image_size)]
    channels = PLANES[0]
    for index, planes in enumerate(PLANES):
        blocks.append(_block(channels, planes, halve=index > 0))
        channels = planes
    network = Classifier(
        nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels, num_classes
    )
    reset_convolutions(network)
    return network


def _stem(image_size: int) -> nn.Sequential:
    kernel, pool = (7, nn.AvgPool2d(4)) if image_size > 128 else (3, Halve())
    return nn.Sequential(
        nn.Conv2d(3, PLANES[0], kernel, padding=kernel // 2, bias=False),
        instance_norm(PLANES[0]),
        nn.ReLU(inplace=True),
        pool if image_size > 64 else nn.Identity(),
    )


def _block(channels: int, planes: int, *, halve: bool) -> Residual:
    body = nn.Sequential(
        nn.Conv2d(channels, planes, 3, padding=1, bias=False),
        instance_norm(planes),
        nn.ReLU(inplace=True),
        Halve() if halve else nn.Identity(),
        nn.Conv2d(planes, planes, 3, padding=1, bias=False),
        instance_norm(planes),
    )
    if not halve:
        return Residual(body, nn.Identity())
    shortcut = nn.Sequential(
        nn.Conv2d(channels, planes, 1, bias=False), Halve(), instance_norm(planes)
    )
    return Residual(body, shortcut)
