"""Which initial noise belongs to which image of a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch


def keep_own(
    noise: torch.Tensor, modes: torch.Tensor, class_rows: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the noise (B, C, H, W) unchanged: each image keeps its own."""
    return noise


def couple_by_transport(
    noise: torch.Tensor, modes: torch.Tensor, class_rows: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Reassign the initial noises within each class, by optimal transport to the modes.

    The assignment minimises the total squared distance between noises and modes. Image i keeps
    mode i, and on average starts nearer to it. The noises of a class as a whole are still standard
    normal draws; the noise of a single image no longer is. The noise of later steps is not
    reassigned. With DDIM the effect lasts; with DDPM the noise of the steps soon hides it.

    Args:
        noise: The initial noise of each image, (B, C, H, W).
        modes: The mode of each image, (B, C, H, W).
        class_rows: The rows of each class, (n,), int64; the batch must hold whole classes.

    Returns:
        The new noise of each image, (B, C, H, W).

    Source: minibatch couplings of noise and data (arXiv 2304.14772; arXiv 2302.00482).
    """
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    coupled = noise.clone()
    for rows in class_rows:
        wanted, drawn = modes[rows].flatten(1), noise[rows].flatten(1)
        # On the CPU in double precision, so that every machine finds the same assignment.
        cost = torch.cdist(wanted.cpu().double(), drawn.cpu().double()).square()
        _, taken = linear_sum_assignment(cost.numpy())
        coupled[rows] = noise[rows[torch.as_tensor(taken, device=rows.device)]]
    return coupled


Coupling = Callable[[torch.Tensor, torch.Tensor, Sequence[torch.Tensor]], torch.Tensor]

NOISE_COUPLINGS: dict[str, Coupling] = {
    "independent": keep_own,
    "transport": couple_by_transport,
}
"""Name -> (noise (B, C, H, W), modes (B, C, H, W), rows of each class) -> noise."""
