"""Layers that the networks share: instance norm, halving, residual sum, linear head."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

SMALLEST_RESNET_INPUT = 16
"""Side in pixels; more than one pixel must be left after three halvings, because instance norm
sets a single pixel to its bias."""


Norm = Callable[[int], nn.Module]
"""Channels -> a layer that normalises them."""


class Classifier(nn.Module):
    """A feature extractor followed by a linear layer.

    Args:
        features: Maps images (B, 3, H, W) to features (B, D).
        width: D.
        num_classes: Number of logits.
    """

    def __init__(self, features: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.features = features
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits, (B, num_classes), of normalised images (B, 3, H, W)."""
        logits: torch.Tensor = self.classifier(self.features(images))
        return logits


class Residual(nn.Module):
    """ReLU of the sum of two branches.

    Args:
        body: The learned branch.
        shortcut: The identity branch, or a projection to the body's shape.

    Source: ResNet (arXiv 1512.03385), Eq. 2.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, C', H', W') of (B, C, H, W)."""
        return F.relu(self.body(x) + self.shortcut(x), inplace=True)


class Halve(nn.Module):
    """Average pooling of 2 x 2 pixels; the last row or column of an odd size is dropped."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, C, H // 2, W // 2) of (B, C, H, W)."""
        if x.device.type != "cpu":
            return F.avg_pool2d(x, 2)
        # PyTorch's pooling is not vectorised on CPU; a sum of views takes half the time there.
        height, width = x.shape[2] // 2, x.shape[3] // 2
        upper, lower = x[:, :, : 2 * height].unflatten(2, (height, 2)).unbind(3)
        rows = upper + lower
        left, right = rows[..., : 2 * width].unflatten(3, (width, 2)).unbind(4)
        return (left + right) * 0.25


def instance_norm(channels: int) -> nn.GroupNorm:
    """Return instance norm with weights, written as one group per channel.

    Source: IDC (arXiv 2205.14959), released code.
    """
    return nn.GroupNorm(channels, channels)


def reset_convolutions(network: nn.Module) -> None:
    """Draw every convolution from N(0, sqrt(2 / (k * k * out))).

    Source: He et al. (arXiv 1502.01852), Eq. 14.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def check_image_size(name: str, image_size: int, smallest: int) -> None:
    """Check that images are large enough for a network's halvings and norms.

    Args:
        name: Name of the network.
        image_size: Side of the images in pixels.
        smallest: Smallest side that the network accepts, in pixels.

    Raises:
        ValueError: If the images are smaller.
    """
    if image_size < smallest:
        raise ValueError(f"{name}: expected images of at least {smallest} px, got {image_size} px")


NORMS: dict[str, Norm] = {"": instance_norm, "_bn": nn.BatchNorm2d}
"""Suffix of a network's name -> norm layer after each convolution."""
