"""Facts about a whole class that drifts can need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

Facts = Mapping[str, torch.Tensor]
"""Name -> fact about a class."""


class FactRequest(NamedTuple):
    """What facts about a class may depend on, besides its real latents.

    Args:
        images: Number of images to generate.
        seed: Seed of the data set.
        options: Name -> value of every option of `DRIFTS`.
        modes: `modes` (K, C, H, W), one for each image, and `assignment` (N,), the mode of each
            real latent, -1 for none.
    """

    images: int
    seed: int
    options: Mapping[str, Any]
    modes: Mapping[str, torch.Tensor]


Need = Callable[[torch.Tensor, FactRequest], Facts]
"""Function: (real latents of a class (N, C, H, W), what the facts may depend on) -> facts."""


def find_mean(real: torch.Tensor, asked: FactRequest) -> dict[str, torch.Tensor]:
    """Return the `mean` of the real latents of a class, (C, H, W)."""
    return {"mean": real.double().mean(0).float()}
