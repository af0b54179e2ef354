"""Batches of training: the samples of an update, their mirroring and their random numbers."""

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
    """The batch of one update.

    Args:
        indices: (B,), rows of the training set.
        generator: The only source of randomness of this update, on the device of the rows.
    """

    indices: torch.Tensor
    generator: torch.Generator


def batch_at(step: int, samples: int, config: LoopConfig, device: torch.device = CPU) -> PriorBatch:
    """Return the batch of an update, which depends only on seed and step: resumption is exact.

    Every epoch is a new permutation of the training set. A last incomplete batch is left out.

    Args:
        step: Number of the update, from 0.
        samples: Size of the training set.
        config: Batch size and seed.
        device: Device of the rows and of the generator. The order of samples is the same on all
            devices, other random numbers are not.
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
    """Draw which samples are mirrored.

    Returns:
        (count,), bool. None at probability 0: nothing is drawn then, so that the other random
        numbers are the same as without mirroring.
    """
    if probability == 0:
        return None
    return torch.rand(count, generator=generator, device=device) < probability


# Cached for the epoch: drawing the permutation costs more than all other draws of an update.
@lru_cache(maxsize=1)
def _order_of(epoch: int, samples: int, seed: int, device: torch.device) -> torch.Tensor:
    order = torch.randperm(samples, generator=seeded_generator(seed, ORDER, epoch))
    return send(order, device)
