"""Gradients of a network on images of a class, and the distance between two sets of gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

LARGEST_UNMATCHED = 2
"""Most dimensions of weights that are not compared: biases and norms (one), linear layers (two)."""


def gradients_of(
    network: nn.Module, images: torch.Tensor, label: int, *, differentiable: bool = False
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of the cross-entropy for the weights of every convolution.

    Args:
        network: Maps normalised images to logits (B, n).
        images: (B, 3, S, S), normalised.
        label: Class of all images.
        differentiable: Whether to keep the graph, to differentiate the gradients further.

    Source: IDC (arXiv 2205.14959), released code.
    """
    weights = [each for each in network.parameters() if each.ndim > LARGEST_UNMATCHED]
    labels = torch.full((len(images),), label, device=images.device)
    loss = F.cross_entropy(network(images), labels)
    return torch.autograd.grad(loss, weights, create_graph=differentiable)


def gradient_distance(
    first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the sum of absolute differences over all layers.

    Source: IDC (arXiv 2205.14959), section 3.2, metric "l1" of the released code.
    """
    layers = [(one - other).abs().sum() for one, other in zip(first, second, strict=True)]
    return torch.stack(layers).sum()
