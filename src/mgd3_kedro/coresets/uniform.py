"""A uniform choice."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.coresets.points import check_ipc


def pick_random(count: int, ipc: int, random_state: int) -> torch.Tensor:
    """Pick images uniformly, without replacement.

    A smaller choice is the beginning of a larger one of the same seed.

    Args:
        count: Images of the class.
        ipc: Images to pick.
        random_state: Seed of the choice; one of the class, or all classes keep the same places.

    Returns:
        (ipc,), int64, distinct numbers of images.

    Raises:
        ValueError: If `ipc` is not in 1..count.

    Source: the "random" rows of arXiv 2505.18963, Table 1.
    """
    check_ipc(ipc, count)
    order = np.random.default_rng(random_state).permutation(count)
    return torch.from_numpy(order[:ipc].astype(np.int64))
