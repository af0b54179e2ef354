"""Restriction of the pull to the directions in which the real latents near a mode differ."""

from __future__ import annotations

import torch

NEIGHBOURS_PER_COMPONENT = 2
"""Number of real latents near a mode that are used per direction."""


def measure_tangents(real: torch.Tensor, modes: torch.Tensor, components: int) -> torch.Tensor:
    """Return the principal directions of the real latents nearest to each mode.

    They are found once per mode, not around every predicted sample: early in the reverse process a
    predicted sample is a blurred mean of many images, with no real latent near it.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: Its modes, (K, C, H, W).
        components: Number of directions k. With fewer than k + 1 real latents there are fewer
            directions; the other rows are 0.

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
        # Equal latents leave only rounding errors, whose directions mean nothing.
        spanned = sizes > sizes[0] * 1e-9
        found = axes[spanned][:components]
        tangent[: len(found)] = found
    return tangents


def project_pull(pull: torch.Tensor, tangents: torch.Tensor) -> torch.Tensor:
    """Project the pull (B, C, H, W) onto the span of each sample's tangents (B, k, D).

    Source: orthogonal projection; manifold-preserving guidance (arXiv 2311.16424).
    """
    tangents = tangents.to(pull.dtype)
    shares = torch.bmm(tangents, pull.flatten(1)[:, :, None])
    return torch.bmm(shares.transpose(1, 2), tangents)[:, 0].view_as(pull)
