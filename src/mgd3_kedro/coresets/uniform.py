"""A uniform choice."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.coresets.points import points_to_pick


def pick_random(features: torch.Tensor, ipc: int, random_state: int) -> torch.Tensor:
    """Pick images uniformly, without replacement.

    A smaller choice is the beginning of a larger one of the same seed.

    Args:
        features: (N, ...), the latents or other features of one class.
        ipc: Images to pick.
        random_state: Seed of the choice.

    Returns:
        (ipc,), int64, distinct indices into `features`.

    Raises:
        ValueError: If `features` is no finite (N, ...) or `ipc` is not in 1..N.

    Source: the "random" rows of arXiv 2505.18963, Table 1.
    """
    count = len(points_to_pick(features, ipc))
    order = np.random.default_rng(random_state).permutation(count)
    return torch.from_numpy(order[:ipc].astype(np.int64))
