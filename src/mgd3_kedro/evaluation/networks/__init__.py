"""The networks that distilled images are judged by."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from mgd3_kedro.checks import check_range, lookup
from mgd3_kedro.evaluation.networks.convnet import convnet
from mgd3_kedro.evaluation.networks.resnet import resnet18
from mgd3_kedro.evaluation.networks.resnet_ap import resnet_ap10


def build_network(name: str, num_classes: int, image_size: int) -> nn.Module:
    """Build an untrained network on CPU, with weights from PyTorch's default generator.

    Args:
        name: A name of `NETWORKS`.
        num_classes: Number of logits.
        image_size: Side of the images in pixels.

    Returns:
        A module from normalised images (B, 3, image_size, image_size) to logits
        (B, num_classes); its `features` gives what the linear head reads, (B, D).

    Raises:
        ValueError: If the name is unknown or the network too deep for the images.

    Source: ours.
    """
    check_range("num_classes", num_classes, 1)
    check_range("image_size", image_size, 1)
    return lookup(NETWORKS, name, "network")(num_classes, image_size)


NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {
    **{f"convnet{depth}": partial(convnet, depth=depth) for depth in range(1, 9)},
    "resnet_ap10": resnet_ap10,
    "resnet18": resnet18,
}
"""Name -> (num_classes, image_size) -> untrained network."""
