"""In-place operations on networks."""

from __future__ import annotations

import torch

HALVES = ("encoder", "decoder")


def compile_parts(model: torch.nn.Module) -> None:
    """Compile the parts of a model that are called, in place; names of its weights stay.

    Of an autoencoder, only the encoder and the decoder are called.
    """
    halves = [half for name in HALVES if (half := getattr(model, name, None)) is not None]
    for part in halves or [model]:
        part.compile()


@torch.no_grad()
def move_average(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    """Update an exponential moving average of weights, all in one call; copy the buffers.

    Args:
        average: Copy of the model with the averaged weights; changed in place.
        model: Model that is trained.
        decay: Weight of the old average, in [0, 1].
    """
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for kept, current in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(current)
