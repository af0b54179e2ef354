"""What images of a class would change in a network, and how far two such changes are apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

LARGEST_UNMATCHED = 2
"""Dimensions of biases and norms (one) and of linear layers (two), which are not compared."""


def gradients_of(
    network: nn.Module, images: torch.Tensor, label: int, *, differentiable: bool = False
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of the cross-entropy by the weights of every convolution.

    Args:
        network: Maps normalised images to logits (B, n).
        images: (B, 3, S, S), normalised.
        label: Class of all images.
        differentiable: Whether the gradients are to be differentiated by the images.

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
