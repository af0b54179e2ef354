"""The images of a class as points, and how many of them may be picked."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.checks import check_latents


def points_to_pick(features: torch.Tensor, ipc: int) -> np.ndarray:
    """Return the images of a class as points (N, D) in double precision.

    Args:
        features: (N, ...), latents or any other features of one class.
        ipc: Images to pick.

    Raises:
        ValueError: If `features` is not finite of shape (N, ...), or `ipc` is not in 1..N.
    """
    if features.ndim < 2 or features.numel() == 0:
        raise ValueError(
            "features: expected shape (N, ...) with at least one value for each of N > 0 images, "
            f"got {tuple(features.shape)}"
        )
    flat = features.flatten(1)
    check_latents("features", flat[:, :, None, None])
    check_ipc(ipc, len(features))
    return flat.double().cpu().numpy()


def check_ipc(ipc: int, count: int) -> None:
    """Check that the number of images to pick is at least 1 and not above their number.

    Args:
        ipc: Images to pick.
        count: Images of the class.

    Raises:
        ValueError: If `ipc` is not in 1..count.
    """
    if not 1 <= ipc <= count:
        raise ValueError(f"ipc: expected between 1 and the {count} images of the class, got {ipc}")
