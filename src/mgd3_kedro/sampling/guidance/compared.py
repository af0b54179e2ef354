"""The real latents that an image is compared with, and how they are noised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mgd3_kedro.checks import check_choice, check_count
from mgd3_kedro.randomness import fork_generator, seeded_generator
from mgd3_kedro.sampling.guidance.needs import FactRequest
from mgd3_kedro.sampling.guidance.options import Option


def all_of_class(assignment: torch.Tensor, modes: int) -> torch.Tensor:
    """Return a mask by which every mode is compared with all latents, (K, N), bool."""
    return torch.ones(modes, len(assignment), dtype=torch.bool)


def members_of_modes(assignment: torch.Tensor, modes: int) -> torch.Tensor:
    """Return a mask by which every mode is compared with its members, (K, N), bool."""
    own = assignment == torch.arange(modes)[:, None]
    # A mode without members is compared with the whole class.
    return own | ~own.any(1, keepdim=True)


COMPARED: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "class": all_of_class,
    "mode": members_of_modes,
}
"""Name -> function: (assignment (N,), number of modes K) -> mask of the real latents that the image
of each mode is compared with, (K, N), bool."""


def check_compared(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a name of `COMPARED`."""
    check_choice(name, value, COMPARED)


def check_most(name: str, value: Any) -> None:
    """Raise ValueError unless the value is a whole number of at least 1."""
    check_count(name, value)


COMPARED_WITH = Option(check_compared, "class")
"""Option: what an image is compared with, a name of `COMPARED`."""
MOST = Option(check_most, 64)
"""Option: the largest number of real latents that an image is compared with."""


def find_compared(real: torch.Tensor, asked: FactRequest) -> dict[str, torch.Tensor]:
    """Return the real latents that images of a class are compared with, and noise for them.

    Args:
        real: The latents of the class, (N, C, H, W).
        asked: Its `seed` and `modes`, and the options `dap_of` and `dap_real`.

    Returns:
        `compared`: the real latents in use, (R, C, H, W). `compared_noise`: standard normal noise
        of the same shape. `shares`: weight of each latent for each mode, (K, R); rows sum to 1.
        `modes`: the modes of the class, (K, C, H, W).

    Source: DAP (arXiv 2510.17421). The paper does not say which real latents it takes.
    """
    modes, assignment = asked.modes["modes"], asked.modes["assignment"]
    stream = fork_generator(seeded_generator(asked.seed), "dap_real")
    order = torch.randperm(len(real), generator=stream)
    candidates = COMPARED[asked.options["dap_of"]](assignment, len(modes))[:, order]
    taken = candidates & (candidates.cumsum(1) <= asked.options["dap_real"])
    used = taken.any(0)
    shares = taken[:, used].float()
    compared = real[order[used]].float()
    return {
        "compared": compared,
        "compared_noise": torch.randn(compared.shape, generator=stream),
        "shares": shares / shares.sum(1, keepdim=True),
        "modes": modes,
    }
