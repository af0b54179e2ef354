"""The networks that are trained on distilled images for evaluation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from mgd3_kedro.checks import check_range, lookup
from mgd3_kedro.evaluation.networks.alexnet import alexnet
from mgd3_kedro.evaluation.networks.convnet import convnet, fitted_convnet
from mgd3_kedro.evaluation.networks.layers import NORMS
from mgd3_kedro.evaluation.networks.resnet import LAYOUTS, resnet
from mgd3_kedro.evaluation.networks.resnet_ap import resnet_ap10
from mgd3_kedro.evaluation.networks.vgg import vgg11
from mgd3_kedro.evaluation.networks.vit import vit


def build_network(name: str, num_classes: int, image_size: int) -> nn.Module:
    """Build an untrained network on CPU, initialised by PyTorch's default generator.

    Args:
        name: A name of `NETWORKS`.
        num_classes: Number of logits.
        image_size: Side of the images in pixels.

    Returns:
        A module that maps normalised images (B, 3, image_size, image_size) to logits
        (B, num_classes); its `features` returns the input of the linear head, (B, D).

    Raises:
        ValueError: If the name is unknown or the images are too small for the network.
    """
    check_range("num_classes", num_classes, 1)
    check_range("image_size", image_size, 1)
    return lookup(NETWORKS, name, "network")(num_classes, image_size)


NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {
    **{
        f"convnet{depth}{suffix}": partial(convnet, depth=depth, suffix=suffix)
        for suffix in NORMS
        for depth in range(1, 9)
    },
    "convnet": fitted_convnet,
    "resnet_ap10": resnet_ap10,
    **{
        f"resnet{depth}{suffix}": partial(resnet, depth=depth, suffix=suffix)
        for suffix in NORMS
        for depth in LAYOUTS
    },
    "alexnet": alexnet,
    "vgg11": vgg11,
    "vit": vit,
}
"""Name -> (num_classes, image_size) -> untrained network.

A name is the architecture and its depth: "convnet6", "resnet50", "vgg11". The norm is instance norm
(GroupNorm with one group per channel), or batch norm if the name ends in "_bn". AlexNet has no
norm, and ViT has layer norm. "convnet" has a depth that depends on the image size.
"""
