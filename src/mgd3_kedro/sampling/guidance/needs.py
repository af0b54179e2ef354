"""What drifts can need of a class as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

Facts = Mapping[str, torch.Tensor]
"""Name -> what was found of a class."""


class Asked(NamedTuple):
    """What is to be drawn of a class.

    Args:
        images: How many images.
        seed: Of the data set.
        options: Name -> value of every option of `DRIFTS`.
        modes: `modes` (K, C, H, W), one for each image, and `assignment` (N,), the mode of each
            real latent, -1 for none.
    """

    images: int
    seed: int
    options: Mapping[str, Any]
    modes: Mapping[str, torch.Tensor]


Need = Callable[[torch.Tensor, Asked], Facts]
"""(Real latents of a class (N, C, H, W), what is asked for) -> facts."""


def find_mean(real: torch.Tensor, asked: Asked) -> dict[str, torch.Tensor]:
    """Return the `mean` of the real latents of a class, (C, H, W)."""
    return {"mean": real.double().mean(0).float()}
