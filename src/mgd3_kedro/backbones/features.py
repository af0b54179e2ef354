"""Features of a network for noisy latents: the output of one of its modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class _ReachedError(Exception):
    """Exception that ends a forward pass as soon as the wanted module has run.

    Args:
        output: Output of the module.
    """

    def __init__(self, output: torch.Tensor) -> None:
        super().__init__()
        self.output = output


def output_of(part: nn.Module, run: Callable[[], object]) -> torch.Tensor:
    """Return the output of a module of a network, without running the modules after it.

    Args:
        part: The module.
        run: Runs the network.

    Raises:
        ValueError: If the network does not run the module.
    """

    def stop(part: nn.Module, given: tuple[Any, ...], output: torch.Tensor) -> None:
        raise _ReachedError(output)

    hook = part.register_forward_hook(stop)
    try:
        run()
    except _ReachedError as reached:
        return reached.output
    finally:
        hook.remove()
    raise ValueError(
        f"expected a network that runs its {type(part).__name__}, whose output gives the "
        "features, got one that does not run it"
    )


def block_at(depth: float, blocks: int) -> int:
    """Return the index of the last block to run, for a share of the blocks, at least one."""
    return max(1, round(depth * blocks)) - 1


def middle_of(unet: Any) -> nn.Module:
    """Return the middle block of a U-Net, whose output has most features and fewest places.

    Raises:
        ValueError: If the U-Net has no middle block.
    """
    if unet.mid_block is None:
        raise ValueError(
            "expected a U-Net with a middle block, whose output gives the features, got one "
            "without a middle block; choose another backbone"
        )
    middle: nn.Module = unet.mid_block
    return middle
