"""The real latents that an image is compared with, and how they are noised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mgd3_kedro.checks import check_choice, check_count
from mgd3_kedro.randomness import fork_generator, seeded_generator
from mgd3_kedro.sampling.guidance.needs import Asked
from mgd3_kedro.sampling.guidance.options import Option


def all_of_class(assignment: torch.Tensor, modes: int) -> torch.Tensor:
    """Return that all latents of the class are of every mode, (K, N), bool."""
    return torch.ones(modes, len(assignment), dtype=torch.bool)


def members_of_modes(assignment: torch.Tensor, modes: int) -> torch.Tensor:
    """Return which latents are members of each mode, (K, N), bool."""
    own = assignment == torch.arange(modes)[:, None]
    # A mode without members stands for its class.
    return own | ~own.any(1, keepdim=True)


COMPARED: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "class": all_of_class,
    "mode": members_of_modes,
}
"""Of what an image is to be typical -> (assignment (N,), K) -> real latents of each mode (K, N)."""


def check_compared(name: str, value: Any) -> None:
    """Refuse what is no name of `COMPARED`."""
    check_choice(name, value, COMPARED)


def check_most(name: str, value: Any) -> None:
    """Refuse what is no number of latents."""
    check_count(name, value)


COMPARED_WITH = Option(check_compared, "class")
"""Option that says what an image is compared with, a name of `COMPARED`."""
MOST = Option(check_most, 64)
"""Option that says with how many real latents at most."""


def find_compared(real: torch.Tensor, asked: Asked) -> dict[str, torch.Tensor]:
    """Return the real latents that images of a class are compared with, and noise of their own.

    Args:
        real: The latents of the class, (N, C, H, W).
        asked: `seed`, `modes`, and `dap_of` and `dap_real` of `options`.

    Returns:
        `compared`: R latents, (R, C, H, W). `compared_noise`: as many. `shares`: how much each of
        them counts for each mode, adding up to 1, (K, R). `modes`: (K, C, H, W).

    Source: DAP (arXiv 2510.17421); which real latents it takes is not printed.
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
