"""Uniform random selection."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.coresets.points import check_ipc


def pick_random(count: int, ipc: int, random_state: int) -> torch.Tensor:
    """Pick images uniformly, without replacement.

    A smaller selection is the beginning of a larger one with the same seed.

    Args:
        count: Images of the class.
        ipc: Images to pick.
        random_state: Seed; it must differ between classes, or all classes pick the same positions.

    Returns:
        (ipc,), int64, distinct indices of images.

    Raises:
        ValueError: If `ipc` is not in 1..count.

    Source: the "random" rows of arXiv 2505.18963, Table 1.
    """
    check_ipc(ipc, count)
    order = np.random.default_rng(random_state).permutation(count)
    return torch.from_numpy(order[:ipc].astype(np.int64))
