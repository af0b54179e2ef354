"""Attention that trains fast on a CPU in reduced precision."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0

LONGEST_PLAIN = 256
"""Most tokens for plain attention: two matrix products and a softmax. PyTorch's fused kernel is
slower, as its backward pass on CPUs takes several times as long in bf16. With more tokens, the
scores of plain attention take too much memory."""


class ShortAttention:
    """Attention processor: plain attention for few tokens, PyTorch's fused kernel for many."""

    def __init__(self) -> None:
        self.plain, self.fused = AttnProcessor(), AttnProcessor2_0()

    def __call__(
        self, attention: Attention, hidden_states: torch.Tensor, *args: Any, **others: Any
    ) -> torch.Tensor:
        """Return the attention output, as processors of diffusers do.

        Args:
            attention: The attention module, with the projections.
            hidden_states: (B, N, D), or (B, D, H, W).
            args: Further arguments of a diffusers processor.
            others: Further keyword arguments of a diffusers processor.
        """
        is_sequence = hidden_states.ndim == 3
        tokens = hidden_states.shape[1] if is_sequence else hidden_states.shape[-2:].numel()
        attend = self.plain if tokens <= LONGEST_PLAIN else self.fused
        attended: torch.Tensor = attend(attention, hidden_states, *args, **others)
        return attended


def shorten_attention(model: torch.nn.Module) -> None:
    """Set a `ShortAttention` processor on every attention module of a diffusers model."""
    for module in model.modules():
        if isinstance(module, Attention):
            module.set_processor(ShortAttention())
