"""What is done to any network in place."""

from __future__ import annotations

import torch

HALVES = ("encoder", "decoder")


def compile_parts(model: torch.nn.Module) -> None:
    """Have what is called of a model compiled, in place; names of its weights stay.

    An autoencoder is never called itself, only its halves are.
    """
    halves = [half for name in HALVES if (half := getattr(model, name, None)) is not None]
    for part in halves or [model]:
        part.compile()


@torch.no_grad()
def move_average(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    """Move an average of weights towards the present ones, all in one call; buffers are copied.

    Args:
        average: A copy of the model.
        model: What is trained.
        decay: Share of the average that stays, in [0, 1].
    """
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for kept, current in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(current)
