"""DiffFit: the few weights of a diffusion transformer that its fine-tuning changes."""

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
"""Layer of a block -> parts of its output, each as long as the width, that get scale factors.

Of the modulation these are the gates of both residual branches, so that attention is scaled twice.
"""
SHARED = "norm1.emb."
"""What DiT has once, for timestep and class, and diffusers' form of it has in every block."""


class Adaptation(nn.Module):
    """Biases, norms, label embedding and scale factors of a transformer, apart from the rest.

    Its parameters are all that is trained. Scale factors start at 1; they are multiplied into the
    weights of their layers, so that the outcome is a transformer of the ordinary form. Embeddings
    that are the same in all blocks, as in converted models, stay the same.

    Args:
        transformer: What is adapted; it is not changed and not kept.
        scaled_blocks: Blocks with scale factors, the first so many; all if there are fewer.

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
            transformer: The one that is adapted.
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
        """Keep so much of the own weights and take the rest from others."""
        torch._foreach_lerp_(list(self.parameters()), list(other.parameters()), 1 - decay)

    @torch.no_grad()
    def apply_to(self, transformer: DiTTransformer2DModel) -> None:
        """Put the weights into the transformer that is adapted."""
        own = dict(transformer.named_parameters())
        # All are read before the first is written: some are multiplied with what they replace.
        for name, weight in self.weights(transformer).items():
            own[name].copy_(weight)


def _owners(transformer: DiTTransformer2DModel) -> dict[str, str]:
    """Map the name of every trained weight to the name of the one it has in common with others."""
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
