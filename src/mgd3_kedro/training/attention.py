"""Attention that a CPU trains fast in reduced precision."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0

LONGEST_PLAIN = 256
"""Tokens up to which two products and a softmax are faster than PyTorch's fused kernel, whose
backward pass on CPUs takes several times as long in bf16; of more tokens the scores take too much
memory."""


class ShortAttention:
    """Scores in full where tokens are few, PyTorch's fused kernel where they are many."""

    def __init__(self) -> None:
        self.plain, self.fused = AttnProcessor(), AttnProcessor2_0()

    def __call__(
        self, attention: Attention, hidden_states: torch.Tensor, *args: Any, **others: Any
    ) -> torch.Tensor:
        """Attend, as processors of diffusers do.

        Args:
            attention: Has the projections.
            hidden_states: (B, N, D), or (B, D, H, W).
            args: As diffusers gives them.
            others: The same.
        """
        is_sequence = hidden_states.ndim == 3
        tokens = hidden_states.shape[1] if is_sequence else hidden_states.shape[-2:].numel()
        attend = self.plain if tokens <= LONGEST_PLAIN else self.fused
        attended: torch.Tensor = attend(attention, hidden_states, *args, **others)
        return attended


def shorten_attention(model: torch.nn.Module) -> None:
    """Have every attention of a diffusers model be a `ShortAttention`, in place."""
    for module in model.modules():
        if isinstance(module, Attention):
            module.set_processor(ShortAttention())
