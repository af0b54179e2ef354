"""Keeping the pull among the directions in which the images near a mode differ."""

from __future__ import annotations

import torch

NEIGHBOURS_PER_COMPONENT = 2
"""Real latents around a mode that each direction is found from."""


def measure_tangents(real: torch.Tensor, modes: torch.Tensor, components: int) -> torch.Tensor:
    """Return the principal directions of the real latents nearest to each mode.

    Found once per mode and not around every predicted sample, which early in the process is the
    blurred mean of many images and has no images near it.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: Its modes, (K, C, H, W).
        components: Directions k; fewer real latents than k + 1 span fewer, and the rest are 0.

    Returns:
        Orthonormal rows, (K, k, D).

    Source: manifold-preserving guidance (arXiv 2311.16424), which moves clean samples along the
    tangent space; local principal components for it as in LTSA (arXiv cs/0212008).
    """
    points = real.flatten(1).double()
    count = min(len(points), NEIGHBOURS_PER_COMPONENT * components + 1)
    distances = torch.cdist(modes.flatten(1).double(), points)
    tangents = torch.zeros(len(modes), components, points.shape[1])
    for tangent, near in zip(tangents, distances.topk(count, largest=False).indices, strict=True):
        neighbours = points[near]
        _, sizes, axes = torch.linalg.svd(neighbours - neighbours.mean(0), full_matrices=False)
        # What is left of repeated latents is rounding, whose directions mean nothing.
        spanned = sizes > sizes[0] * 1e-9
        found = axes[spanned][:components]
        tangent[: len(found)] = found
    return tangents


def project_pull(pull: torch.Tensor, tangents: torch.Tensor) -> torch.Tensor:
    """Return what of the pull (B, C, H, W) lies in the span of each sample's tangents (B, k, D).

    Source: orthogonal projection; manifold-preserving guidance (arXiv 2311.16424).
    """
    tangents = tangents.to(pull.dtype)
    shares = torch.bmm(tangents, pull.flatten(1)[:, :, None])
    return torch.bmm(shares.transpose(1, 2), tangents)[:, 0].view_as(pull)
