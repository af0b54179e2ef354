"""Batch-norm statistics of the images that a network was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def batch_norm_distances(network: nn.Module) -> Iterator[dict[nn.Module, torch.Tensor]]:
    """Measure how far the statistics of a batch are from the running statistics of a network.

    Args:
        network: A network with batch norm, in eval mode.

    Yields:
        Layer -> Euclidean distance of the means plus that of the variances, for the layer's input
        in the last pass; layers in the network's order.

    Raises:
        ValueError: If the network has no batch norm with running statistics.

    Source: SRe2L (arXiv 2306.13092), recover stage, released code.
    """
    learnt: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {
        module: (module.running_mean, module.running_var)
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d)
        and module.running_mean is not None
        and module.running_var is not None
    }
    if not learnt:
        raise ValueError(
            "teacher: expected a network with batch norm and its running statistics, as "
            "resnet18_bn, got one without"
        )
    distances = {layer: torch.zeros(()) for layer in learnt}

    def measure(layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        learnt_mean, learnt_variance = learnt[layer]
        distances[layer] = torch.dist(mean, learnt_mean) + torch.dist(variance, learnt_variance)

    handles = [layer.register_forward_pre_hook(measure) for layer in learnt]
    try:
        yield distances
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Put a network in eval mode, without gradients of its weights; restore both afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    learning = [weights for weights in network.parameters() if weights.requires_grad]
    try:
        network.eval()
        for weights in learning:
            weights.requires_grad_(False)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for weights in learning:
            weights.requires_grad_(True)
