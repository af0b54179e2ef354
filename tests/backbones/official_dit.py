"""The diffusion transformer of the paper (arXiv 2212.09748), written from it in plain functions."""

import math

import torch
from torch.nn import functional as F

HALF = 128


def embed_timesteps(timesteps, shift):
    """Return cosines and sines of the timesteps, (B, 256), in float32 as released."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(HALF).float() / (HALF - shift))
    angles = timesteps.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def embed_places(side, width):
    """Return the fixed embedding of a grid of patches, (side * side, width): columns, then rows."""
    quarter = width // 4
    frequencies = 10_000.0 ** -(torch.arange(quarter).double() / quarter)
    angles = torch.arange(side).double()[:, None] * frequencies
    line = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns = line[None].expand(side, side, -1)
    rows = line[:, None].expand(side, side, -1)
    return torch.cat([columns, rows], dim=2).reshape(side * side, width)


class OfficialDiT:
    """The network as a function of weights by the names that diffusers gives them.

    Args:
        transformer: What has the weights, and the sizes.
        shift: Of the frequencies, which are 10000^(-i / (128 - shift)).
        second_eps: Epsilon of the second norm of a block; that of all others is 1e-6.
    """

    def __init__(self, transformer, shift=0, second_eps=1e-6):
        self.weights = transformer.state_dict()
        self.known = transformer.config
        self.shift = shift
        self.second_eps = second_eps

    def linear(self, name, values):
        return F.linear(values, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def normalised(self, tokens, shift, scale, eps=1e-6):
        normal = F.layer_norm(tokens, tokens.shape[-1:], eps=eps)
        return normal * (1 + scale[:, None]) + shift[:, None]

    def attention(self, name, tokens):
        heads = self.known.num_attention_heads
        query, key, value = (
            self.linear(f"{name}.to_{one}", tokens).unflatten(2, (heads, -1)).transpose(1, 2)
            for one in "qkv"
        )
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        return self.linear(f"{name}.to_out.0", mixed)

    def condition(self, block, timesteps, labels):
        """Return the sum of the embeddings of time and class.

        The network has one of each; diffusers has copies of them in all blocks, which are equal
        after conversion, but not in a network of its own.
        """
        name = f"{block}.norm1.emb"
        time = embed_timesteps(timesteps, self.shift).to(self.weights["proj_out_1.weight"].dtype)
        hidden = F.silu(self.linear(f"{name}.timestep_embedder.linear_1", time))
        time = self.linear(f"{name}.timestep_embedder.linear_2", hidden)
        return time + self.weights[f"{name}.class_embedder.embedding_table.weight"][labels]

    def block(self, name, tokens, condition):
        parts = self.linear(f"{name}.norm1.linear", F.silu(condition)).chunk(6, 1)
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = parts
        seen = self.normalised(tokens, shift, scale)
        tokens = tokens + gate[:, None] * self.attention(f"{name}.attn1", seen)
        seen = self.normalised(tokens, shift_mlp, scale_mlp, self.second_eps)
        hidden = F.gelu(self.linear(f"{name}.ff.net.0.proj", seen), approximate="tanh")
        return tokens + gate_mlp[:, None] * self.linear(f"{name}.ff.net.2", hidden)

    def __call__(self, latents, timesteps, labels):
        patch, side = self.known.patch_size, latents.shape[-1] // self.known.patch_size
        kernel, bias = (self.weights[f"pos_embed.proj.{part}"] for part in ("weight", "bias"))
        tokens = F.conv2d(latents, kernel, bias, stride=patch).flatten(2).transpose(1, 2)
        places = embed_places(side, tokens.shape[-1])
        tokens = tokens + places.float().to(tokens.dtype)
        names = [f"transformer_blocks.{number}" for number in range(self.known.num_layers)]
        conditions = [self.condition(name, timesteps, labels) for name in names]
        for name, condition in zip(names, conditions, strict=True):
            tokens = self.block(name, tokens, condition)
        shift, scale = self.linear("proj_out_1", F.silu(conditions[0])).chunk(2, 1)
        tokens = self.linear("proj_out_2", self.normalised(tokens, shift, scale))
        patches = tokens.unflatten(1, (side, side)).unflatten(3, (patch, patch, -1))
        return patches.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)
