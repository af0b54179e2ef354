"""A push towards a plane through random points around the mode, as in ManifoldGD's code."""

from __future__ import annotations

import torch

from mgd3_kedro.devices import send
from mgd3_kedro.randomness import fork_generator
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.precision import precise

POINTS, NEAREST, DIMENSIONS = 300, 12, 3
OUTER_RADIUS, INNER_RADIUS = 0.1, 0.05
"""Half of the points lie on spheres around the mode, whose radii go evenly from the outer to the
inner one. The other points lie within the inner radius."""
BANDWIDTH, LEAST = 0.1, 1e-8
SWEEPS = 8
"""Sweeps of Jacobi's method; for twelve points, five are enough for full precision."""


def push_to_plane(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return a push of given length from the noisy sample to a plane near its mode, (B, C, H, W).

    In every step, random points around the mode are drawn and noised to the level of the step. The
    plane is spanned by the three widest principal directions of the points that are nearest to the
    sample. No real latent is used.

    Args:
        step: The step of the backbone.
        scale: Length of the push, in the unit of the released code; it does not depend on the size
            of latents. The push is shorter if a point is nearer than about 0.1.
        context: Needs `modes`, and `generators`, whose forks draw the points of each image.

    Source: ManifoldGD, released code, without its radius that shrinks in the first steps.
    """
    samples, modes = step.noisy.flatten(1), context.modes.flatten(1)
    # One after the other: the points of a sample take as much memory as hundreds of samples.
    found = [
        find_nearest(sample, step.alpha_bar**0.5 * mode, draw_cloud(one, step))
        for sample, mode, one in zip(samples, modes, context.generators, strict=True)
    ]
    neighbours, nearest = (torch.stack(each) for each in zip(*found, strict=True))
    ways = find_ways(precise(samples), neighbours)
    length = ways.norm(dim=1, keepdim=True) + LEAST
    push = torch.tanh(nearest / BANDWIDTH)[:, None] * ways / length
    return scale * push.to(step.prev_mean.dtype).view_as(step.prev_mean)


def draw_cloud(generator: torch.Generator, step: DenoisingStep) -> torch.Tensor:
    """Draw points around a mode, relative to the mode, at the noise level of a step.

    Args:
        generator: Generator of the image; it is forked, and nothing is drawn from it.
        step: The step of the backbone.

    Returns:
        (`POINTS`, D), on the CPU.

    Source: ManifoldGD, released code.
    """
    stream = fork_generator(generator, f"plane {step.index}")
    shape = (POINTS, step.noisy[0].numel())
    directions = torch.nn.functional.normalize(torch.randn(shape, generator=stream), dim=1)
    half = POINTS // 2
    drawn = INNER_RADIUS * torch.rand(POINTS - half, generator=stream)
    radii = torch.cat([torch.linspace(OUTER_RADIUS, INNER_RADIUS, half), drawn])
    noise = torch.randn(shape, generator=stream)
    clean = radii[:, None] * directions
    return step.alpha_bar**0.5 * clean + (1 - step.alpha_bar) ** 0.5 * noise


def find_nearest(
    sample: torch.Tensor, middle: torch.Tensor, cloud: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the points nearest to a sample, (`NEAREST`, D), and the smallest distance, ().

    Args:
        sample: (D,).
        middle: Centre of the points, (D,).
        cloud: The points relative to the centre, (P, D), on the CPU.
    """
    # `send` copies from the CPU without waiting for the device.
    points = precise(middle + send(cloud, middle.device))
    distances = (points - precise(sample)).norm(dim=1)
    near, chosen = distances.topk(NEAREST, largest=False)
    return points[chosen], near[0]


def find_ways(samples: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
    """Return the orthogonal vector from each sample to the plane of its neighbours, (B, D).

    Args:
        samples: (B, D).
        neighbours: Points near each sample, (B, N, D), N even.

    Source: principal component analysis by the N x N Gram matrix, whose size does not depend on D.
    """
    middle = neighbours.mean(1)
    away, centred = samples - middle, neighbours - middle[:, None]
    values, vectors = find_eigenvectors(centred @ centred.mT)
    widest, places = values.topk(DIMENSIONS, dim=1)
    axes = vectors.gather(2, places[:, None].expand(-1, vectors.shape[1], -1))
    # The axes of the plane are sums of neighbours, so no D x D matrix is needed.
    tiny = torch.finfo(widest.dtype).tiny
    along = axes.mT @ (centred @ away[:, :, None]) / widest.clamp_min(tiny)[:, :, None]
    within = centred.mT @ (axes @ along)
    return within[:, :, 0] - away


def find_eigenvectors(symmetric: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the eigenvalues (B, N) and eigenvectors (B, N, N) of symmetric matrices, N even.

    The number of rotations is fixed, so that the host need not wait for the GPU.

    Args:
        symmetric: (B, N, N).

    Returns:
        Eigenvalues in no particular order, and eigenvectors as columns.

    Source: Jacobi's method, in the order of Brent and Luk (SIAM J. Sci. Stat. Comput. 6, 1985).
    """
    size = symmetric.shape[1]
    half = size // 2
    eye = torch.eye(size, dtype=symmetric.dtype, device=symmetric.device)
    turned = [eye[:1], eye[half : half + 1], eye[1 : half - 1], eye[half + 1 :]]
    order = torch.cat([*turned, eye[half - 1 : half]])
    values, vectors = symmetric, eye.expand_as(symmetric)
    for _ in range(SWEEPS * (size - 1)):
        # Rows i and i + N / 2 form a pair; then the rows are reordered to form other pairs.
        diagonal = values.diagonal(dim1=1, dim2=2)
        gap = diagonal[:, :half] - diagonal[:, half:]
        across = 2 * values[:, :half, half:].diagonal(dim1=1, dim2=2)
        angle = torch.atan2(torch.where(gap < 0, -across, across), gap.abs()) / 2
        cosine, sine = angle.cos().diag_embed(), angle.sin().diag_embed()
        rotation = torch.cat([torch.cat([cosine, -sine], 2), torch.cat([sine, cosine], 2)], 1)
        turn = rotation @ order.T
        values, vectors = turn.mT @ values @ turn, vectors @ turn
    return values.diagonal(dim1=1, dim2=2), vectors
