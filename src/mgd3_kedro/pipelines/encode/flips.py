"""Which images are mirrored before they are encoded."""

from __future__ import annotations

from collections.abc import Callable

import torch


def _none(count: int, generator: torch.Generator) -> torch.Tensor:
    return torch.zeros(1, count, dtype=torch.bool)


def _random(count: int, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(1, count, generator=generator) < 0.5


def _both(count: int, generator: torch.Generator) -> torch.Tensor:
    return torch.tensor([[False], [True]]).expand(2, count)


FLIPS: dict[str, Callable[[int, torch.Generator], torch.Tensor]] = {
    "none": _none,
    "random": _random,
    "both": _both,
}
"""Name -> (number of images N, generator) -> whether each image is mirrored, (P, N), bool; the
class is encoded P times."""
