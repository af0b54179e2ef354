"""DiffFit: fine-tuning of a few weights of a diffusion transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel

SCALED_LAYERS: dict[str, tuple[int, ...]] = {
    "attn1.to_q": (0,),
    "attn1.to_k": (0,),
    "attn1.to_v": (0,),
    "attn1.to_out.0": (0,),
    "norm1.linear": (2, 5),
}
"""Layer of a block -> parts of its output that get scale factors; each part has the width of the
transformer.

In `norm1.linear`, the modulation, these are the gates of both residual branches, so attention is
scaled twice.
"""
SHARED = "norm1.emb."
"""Prefix of the embeddings of timestep and class. DiT has them once, diffusers in every block."""


class Adaptation(nn.Module):
    """The trainable weights of DiffFit: biases, norms, label embedding and scale factors.

    Only these parameters are trained. Scale factors start at 1. They are multiplied into the
    weights of their layers, so that the result is an ordinary transformer. Embeddings that are
    equal in all blocks, as in converted models, stay equal.

    Args:
        transformer: The transformer to adapt; it is neither changed nor kept.
        scaled_blocks: Number of leading blocks with scale factors; all if there are fewer.

    Source: DiffFit (arXiv 2304.06648); scaled layers as in the released code of minimax diffusion
    (arXiv 2311.15529).
    """

    def __init__(self, transformer: DiTTransformer2DModel, scaled_blocks: int) -> None:
        super().__init__()
        weights = dict(transformer.named_parameters())
        self._owners = _owners(transformer)
        names = dict.fromkeys(self._owners.values())
        self._slots = {name: slot for slot, name in enumerate(names)}
        self.values = nn.ParameterList(weights[name].detach().clone() for name in names)
        blocks = range(min(scaled_blocks, len(transformer.transformer_blocks)))
        self._scaled = [
            (f"transformer_blocks.{block}", layer) for block in blocks for layer in SCALED_LAYERS
        ]
        width, device = transformer.inner_dim, transformer.device
        self.scales = nn.ParameterList(
            torch.ones(len(SCALED_LAYERS[layer]), width, device=device) for _, layer in self._scaled
        )

    def weights(self, transformer: DiTTransformer2DModel) -> dict[str, torch.Tensor]:
        """Return the weights that replace those of the transformer, by name.

        Args:
            transformer: The transformer to adapt.
        """
        weights = {name: self.values[self._slots[owner]] for name, owner in self._owners.items()}
        for (block, layer), scale in zip(self._scaled, self.scales, strict=True):
            linear = transformer.get_submodule(f"{block}.{layer}")
            parts = torch.tensor(SCALED_LAYERS[layer], device=scale.device)
            factors = scale.new_ones(linear.weight.shape[0] // scale.shape[1], scale.shape[1])
            factors = factors.index_copy(0, parts, scale).flatten()
            for kind, weight in linear.named_parameters():
                name = f"{block}.{layer}.{kind}"
                rows = factors.view(-1, *[1] * (weight.ndim - 1))
                weights[name] = rows * weights.get(name, weight)
        return weights

    @torch.no_grad()
    def move_towards(self, other: Adaptation, decay: float) -> None:
        """Change the weights to decay x own + (1 - decay) x other, in place."""
        torch._foreach_lerp_(list(self.parameters()), list(other.parameters()), 1 - decay)

    @torch.no_grad()
    def apply_to(self, transformer: DiTTransformer2DModel) -> None:
        """Write the weights into the transformer, in place."""
        own = dict(transformer.named_parameters())
        # All are computed before the first is written: some are products with the old weights.
        for name, weight in self.weights(transformer).items():
            own[name].copy_(weight)


def _owners(transformer: DiTTransformer2DModel) -> dict[str, str]:
    """Map the name of every trained weight to that of the weight whose value it takes."""
    names = [
        f"{path}.{name}"
        for path, module in transformer.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name == "bias" or isinstance(module, (nn.LayerNorm, nn.Embedding))
    ]
    if not _shares_embeddings(transformer):
        return {name: name for name in names}
    return {name: _in_first_block(name) if SHARED in name else name for name in names}


def _in_first_block(name: str) -> str:
    return f"transformer_blocks.0.{SHARED}{name.partition(SHARED)[2]}"


def _shares_embeddings(transformer: DiTTransformer2DModel) -> bool:
    weights = dict(transformer.named_parameters())
    return all(
        torch.equal(weight, weights[_in_first_block(name)])
        for name, weight in weights.items()
        if SHARED in name
    )
