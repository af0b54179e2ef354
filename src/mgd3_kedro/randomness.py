"""Random generators that are seeded by a key of several numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seeded_generator(*key: int) -> torch.Generator:
    """Return a generator that is a function of the whole key.

    PyTorch keeps only the low 32 bits of a seed, so numbers cannot simply be shifted together.

    Args:
        key: Non-negative numbers.

    Source: numpy's SeedSequence.
    """
    # SeedSequence splits a number into 32-bit words, so (2**32, 0) would be the same as (0, 1).
    high = [number >> 32 for number in key]
    words = [*(number & 0xFFFFFFFF for number in key), *high] if any(high) else key
    seed = np.random.SeedSequence(words).generate_state(1)[0]
    return torch.Generator().manual_seed(int(seed))


def fork_generator(generator: torch.Generator, name: str) -> torch.Generator:
    """Return a new generator derived from the seed of another one, without drawing from it.

    The new generator depends on the initial seed only, not on what was drawn since.

    Args:
        generator: The other generator, seeded.
        name: Purpose of the new generator; another name gives other numbers.
    """
    return seeded_generator(generator.initial_seed(), *name.encode())


def seed_of_class(seed: int, wnid: str) -> int:
    """Return the seed of one class, so that classes draw different random numbers.

    Args:
        seed: Common seed of all classes, non-negative.
        wnid: Folder name of the class.

    Returns:
        A seed below 2**32.

    Source: numpy's SeedSequence.
    """
    of_class = int.from_bytes(hashlib.sha256(wnid.encode()).digest()[:8])
    return int(np.random.SeedSequence([seed, of_class]).generate_state(1)[0])


@contextmanager
def seeded_globals(device: torch.device, *key: int) -> Iterator[None]:
    """Seed PyTorch's global generators with a key, and restore them afterwards.

    Initial weights and dropout draw from the generators of the CPU and of the device.

    Args:
        device: Device on which networks compute.
        key: Non-negative numbers.
    """
    seed = seeded_generator(*key).initial_seed()
    accelerated = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=accelerated):
        # torch.manual_seed would also move the generators of other devices.
        torch.default_generator.manual_seed(seed)
        for used in accelerated:
            with torch.cuda.device(used):
                torch.cuda.manual_seed(seed)
        yield
