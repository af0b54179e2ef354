"""Which initial noise belongs to which image of a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch


def keep_own(
    noise: torch.Tensor, modes: torch.Tensor, class_rows: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Leave each image the noise (B, C, H, W) that its generator drew."""
    return noise


def couple_by_transport(
    noise: torch.Tensor, modes: torch.Tensor, class_rows: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Deal the noises of a class out anew, at the least total squared distance to the modes.

    Image i keeps mode i. It starts nearer to it, from the noise of one of its class, which stays a
    standard normal draw only over the class as a whole; the noise of later steps is its own. What
    is won lasts with DDIM; the noise of DDPM's steps soon hides where a sample started.

    Args:
        noise: What each image drew, (B, C, H, W).
        modes: The mode of each image, (B, C, H, W).
        class_rows: The rows of each class, which must be there as a whole.

    Source: minibatch couplings of noise and data (arXiv 2304.14772; arXiv 2302.00482).
    """
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    coupled = noise.clone()
    for rows in class_rows:
        wanted, drawn = modes[rows].flatten(1), noise[rows].flatten(1)
        # On the CPU in double precision, so that every machine deals alike.
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
