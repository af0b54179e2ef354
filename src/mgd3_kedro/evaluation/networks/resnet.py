"""ResNets of any depth, with instance norm or batch norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from mgd3_kedro.evaluation.networks.layers import (
    NORMS,
    SMALLEST_RESNET_INPUT,
    Classifier,
    Norm,
    Residual,
    check_image_size,
    reset_convolutions,
)

PLANES = (64, 128, 256, 512)
"""Inner channels of the stages; every stage after the first halves the image."""


def resnet(num_classes: int, image_size: int, *, depth: int, suffix: str = "") -> Classifier:
    """Build a ResNet.

    Args:
        num_classes: Number of logits.
        image_size: Side of the images in pixels, which selects the stem.
        depth: A depth of `LAYOUTS`.
        suffix: A suffix of `NORMS`.

    Raises:
        ValueError: If the images are too small for three halvings.

    Source: ResNet (arXiv 1512.03385), Table 1; a bottleneck strides in its 3 x 3 convolution as in
    torchvision; instance norm and small stems as in IDC (arXiv 2205.14959), released code.
    """
    check_image_size(f"resnet{depth}{suffix}", image_size, SMALLEST_RESNET_INPUT)
    layout, norm = LAYOUTS[depth], NORMS[suffix]
    blocks: list[nn.Module] = [_stem(image_size, norm)]
    channels = PLANES[0]
    for stage, (planes, count) in enumerate(zip(PLANES, layout.blocks, strict=True)):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            body = layout.body(channels, planes, stride, norm)
            shortcut = _shortcut(channels, planes * layout.expansion, stride, norm)
            blocks.append(Residual(body, shortcut))
            channels = planes * layout.expansion
    network = Classifier(
        nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels, num_classes
    )
    reset_convolutions(network)
    return network


def _stem(image_size: int, norm: Norm) -> nn.Sequential:
    kernel, stride = (7, 2) if image_size > 128 else (3, 1)
    return nn.Sequential(
        *_convolution(3, PLANES[0], kernel, norm, stride),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, padding=1) if image_size > 64 else nn.Identity(),
    )


def _basic(channels: int, planes: int, stride: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(channels, planes, 3, norm, stride),
        nn.ReLU(inplace=True),
        *_convolution(planes, planes, 3, norm),
    )


def _bottleneck(channels: int, planes: int, stride: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(channels, planes, 1, norm),
        nn.ReLU(inplace=True),
        *_convolution(planes, planes, 3, norm, stride),
        nn.ReLU(inplace=True),
        *_convolution(planes, 4 * planes, 1, norm),
    )


def _shortcut(channels: int, out: int, stride: int, norm: Norm) -> nn.Module:
    if stride == 1 and channels == out:
        return nn.Identity()
    return nn.Sequential(*_convolution(channels, out, 1, norm, stride))


def _convolution(
    channels: int, out: int, kernel: int, norm: Norm, stride: int = 1
) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
    return convolution, norm(out)


class Layout(NamedTuple):
    """The blocks of a ResNet of some depth.

    Args:
        body: (channels, planes, stride, norm) -> the learned branch of a block.
        expansion: Output channels of a block, divided by its planes.
        blocks: Number of blocks of each stage.
    """

    body: Callable[[int, int, int, Norm], nn.Module]
    expansion: int
    blocks: tuple[int, int, int, int]


LAYOUTS = {
    18: Layout(_basic, 1, (2, 2, 2, 2)),
    50: Layout(_bottleneck, 4, (3, 4, 6, 3)),
    101: Layout(_bottleneck, 4, (3, 4, 23, 3)),
}
"""Depth -> layout."""
