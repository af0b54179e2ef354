"""Random numbers that are a function of a key."""

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
    # SeedSequence takes a number as so many 32-bit words as it needs: (2**32, 0) would be (0, 1).
    high = [number >> 32 for number in key]
    words = [*(number & 0xFFFFFFFF for number in key), *high] if any(high) else key
    seed = np.random.SeedSequence(words).generate_state(1)[0]
    return torch.Generator().manual_seed(int(seed))


def fork_generator(generator: torch.Generator, name: str) -> torch.Generator:
    """Return a generator of its own beside another, from which nothing is drawn for it.

    It is a function of what the other was seeded with, however much that has drawn since.

    Args:
        generator: The other one, seeded.
        name: What the new one is for; others get other numbers.
    """
    return seeded_generator(generator.initial_seed(), *name.encode())


def seed_of_class(seed: int, wnid: str) -> int:
    """Return the seed that a class draws with: two classes do not draw the same places.

    Args:
        seed: Of all classes, non-negative.
        wnid: Of the class.

    Returns:
        Below 2**32.

    Source: numpy's SeedSequence.
    """
    of_class = int.from_bytes(hashlib.sha256(wnid.encode()).digest()[:8])
    return int(np.random.SeedSequence([seed, of_class]).generate_state(1)[0])


@contextmanager
def seeded_globals(device: torch.device, *key: int) -> Iterator[None]:
    """Make PyTorch's global generators functions of a key, and put them back after.

    Initial weights and dropout read them: the CPU's, and that of the device.

    Args:
        device: Where networks compute.
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
