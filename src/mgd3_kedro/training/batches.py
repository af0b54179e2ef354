"""What an update sees: which samples, which of them mirrored, and with which random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from mgd3_kedro.devices import send
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.training.settings import LoopConfig

ORDER, NOISE = 0, 1
"""Streams of random numbers."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class PriorBatch:
    """What one update sees.

    Args:
        indices: (B,), rows of the training set.
        generator: The only source of randomness of this update, on the device of the rows.
    """

    indices: torch.Tensor
    generator: torch.Generator


def batch_at(step: int, samples: int, config: LoopConfig, device: torch.device = CPU) -> PriorBatch:
    """Return the batch of an update: a function of (seed, step) alone, so resumption is exact.

    Every epoch is a fresh permutation; a last incomplete batch is left out.

    Args:
        step: Number of the update, from 0.
        samples: Size of the training set.
        config: Batch size and seed.
        device: Where the rows are and the generator draws. The order is the same on all devices,
            other random numbers are not.
    """
    size = min(config.batch_size, samples)
    epoch, position = divmod(step, samples // size)
    order = _order_of(epoch, samples, config.seed, device)
    seed = seeded_generator(config.seed, NOISE, step).initial_seed()
    generator = torch.Generator(device).manual_seed(seed)
    return PriorBatch(order[position * size : (position + 1) * size], generator)


def draw_flips(
    count: int, probability: float, generator: torch.Generator, device: torch.device
) -> torch.Tensor | None:
    """Draw which samples are mirrored, (B,), bool.

    Returns:
        None at probability 0: nothing is drawn then, so that other random numbers stay what they
        are without mirroring.
    """
    if probability == 0:
        return None
    return torch.rand(count, generator=generator, device=device) < probability


# Kept for the epoch: drawing it again for every update costs more than the update's numbers do.
@lru_cache(maxsize=1)
def _order_of(epoch: int, samples: int, seed: int, device: torch.device) -> torch.Tensor:
    order = torch.randperm(samples, generator=seeded_generator(seed, ORDER, epoch))
    return send(order, device)
