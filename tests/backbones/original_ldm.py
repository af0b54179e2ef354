"""Class-conditional latent diffusion with the layers named as in its original checkpoints.

Written from the architecture as published, to have an answer that no converter is involved in.
"""

import torch
from torch import nn
from torch.nn import functional as F

BETAS = torch.linspace(0.0015**0.5, 0.0195**0.5, 1000, dtype=torch.float64).square()


def normed(channels, eps=1e-5):
    return nn.GroupNorm(32, channels, eps=eps)


class Residual(nn.Module):
    """Two convolutions, with the embedding of the timestep added between them."""

    def __init__(self, given, made, embedding):
        super().__init__()
        self.in_layers = nn.Sequential(normed(given), nn.SiLU(), nn.Conv2d(given, made, 3, 1, 1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, made))
        self.out_layers = nn.Sequential(
            normed(made), nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(made, made, 3, 1, 1)
        )
        self.skip_connection = nn.Identity() if given == made else nn.Conv2d(given, made, 1)

    def forward(self, x, embedding):
        shift = self.emb_layers(embedding)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(self.in_layers(x) + shift)


class Attention(nn.Module):
    """One head as wide as its input."""

    def __init__(self, width, context):
        super().__init__()
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.0))

    def forward(self, x, context):
        scores = self.to_q(x) @ self.to_k(context).transpose(1, 2) / x.shape[2] ** 0.5
        return self.to_out(scores.softmax(2) @ self.to_v(context))


class Gated(nn.Module):
    """A linear layer, half of which gates the other half."""

    def __init__(self, width):
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, dim=2)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(Gated(width), nn.Dropout(0.0), nn.Linear(4 * width, width))

    def forward(self, x):
        return self.net(x)


class Block(nn.Module):
    """Positions attend to each other, then to the class."""

    def __init__(self, width, context):
        super().__init__()
        self.attn1 = Attention(width, width)
        self.ff = FeedForward(width)
        self.attn2 = Attention(width, context)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x, context):
        own = self.norm1(x)
        x = x + self.attn1(own, own)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, width, context, depth):
        super().__init__()
        self.norm = normed(width, eps=1e-6)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList(Block(width, context) for _ in range(depth))
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x, context):
        tokens = self.proj_in(self.norm(x))
        shape = tokens.shape
        tokens = tokens.flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        return x + self.proj_out(tokens.transpose(1, 2).reshape(shape))


class Halved(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.op = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x):
        return self.op(x)


class Doubled(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def apply(layers, x, embedding, context):
    for layer in layers:
        if isinstance(layer, Residual):
            x = layer(x, embedding)
        elif isinstance(layer, Transformer):
            x = layer(x, context)
        else:
            x = layer(x)
    return x


class UNet(nn.Module):
    """The noise predictor; `attends` says at which factors of shrinking there is attention."""

    def __init__(self, channels=3, width=32, mults=(1, 2, 3, 5), layers=2, attends=(2, 4, 8),
                 context=16, depth=1):  # fmt: skip
        super().__init__()
        self.width = width
        embedding = 4 * width
        self.time_embed = nn.Sequential(
            nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )

        def stage(given, made, factor):
            attention = [Transformer(made, context, depth)] if factor in attends else []
            return [Residual(given, made, embedding), *attention]

        blocks = [[nn.Conv2d(channels, width, 3, 1, 1)]]
        skipped, now = [width], width
        for level, mult in enumerate(mults):
            for _ in range(layers):
                blocks.append(stage(now, mult * width, 2**level))
                now = mult * width
                skipped.append(now)
            if level < len(mults) - 1:
                blocks.append([Halved(now)])
                skipped.append(now)
        self.input_blocks = nn.ModuleList(map(nn.ModuleList, blocks))
        self.middle_block = nn.ModuleList(
            [
                Residual(now, now, embedding),
                Transformer(now, context, depth),
                Residual(now, now, embedding),
            ]
        )
        blocks = []
        for level, mult in reversed(list(enumerate(mults))):
            for position in range(layers + 1):
                block = stage(now + skipped.pop(), mult * width, 2**level)
                now = mult * width
                blocks.append([*block, Doubled(now)] if level and position == layers else block)
        self.output_blocks = nn.ModuleList(map(nn.ModuleList, blocks))
        self.out = nn.Sequential(normed(now), nn.SiLU(), nn.Conv2d(now, channels, 3, 1, 1))

    def forward(self, x, timesteps, context):
        half = self.width // 2
        frequencies = 10000.0 ** -(torch.arange(half) / half)
        angles = timesteps[:, None] * frequencies
        embedding = self.time_embed(torch.cat([angles.cos(), angles.sin()], dim=1))
        kept = []
        for block in self.input_blocks:
            x = apply(block, x, embedding, context)
            kept.append(x)
        x = apply(self.middle_block, x, embedding, context)
        for block in self.output_blocks:
            x = apply(block, torch.cat([x, kept.pop()], dim=1), embedding, context)
        return self.out(x)


class ImageResidual(nn.Module):
    def __init__(self, given, made):
        super().__init__()
        self.norm1 = normed(given, eps=1e-6)
        self.conv1 = nn.Conv2d(given, made, 3, 1, 1)
        self.norm2 = normed(made, eps=1e-6)
        self.conv2 = nn.Conv2d(made, made, 3, 1, 1)
        if given != made:
            self.nin_shortcut = nn.Conv2d(given, made, 1)

    def forward(self, x):
        made = self.conv1(F.silu(self.norm1(x)))
        made = self.conv2(F.silu(self.norm2(made)))
        return made + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class ImageAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = normed(width, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x):
        own = self.norm(x)
        query, key, value = (layer(own).flatten(2) for layer in (self.q, self.k, self.v))
        scores = query.transpose(1, 2) @ key / x.shape[1] ** 0.5
        mixed = value @ scores.softmax(2).transpose(1, 2)
        return x + self.proj_out(mixed.reshape(x.shape))


def middle(width):
    return nn.ModuleDict(
        {
            "block_1": ImageResidual(width, width),
            "attn_1": ImageAttention(width),
            "block_2": ImageResidual(width, width),
        }
    )


class PaddedHalved(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Encoder(nn.Module):
    def __init__(self, width, mults, layers, latent):
        super().__init__()
        self.conv_in = nn.Conv2d(3, width, 3, 1, 1)
        now = width
        self.down = nn.ModuleList()
        for level, mult in enumerate(mults):
            blocks = nn.ModuleList()
            for _ in range(layers):
                blocks.append(ImageResidual(now, mult * width))
                now = mult * width
            parts = {"block": blocks}
            if level < len(mults) - 1:
                parts["downsample"] = PaddedHalved(now)
            self.down.append(nn.ModuleDict(parts))
        self.mid = middle(now)
        self.norm_out = normed(now, eps=1e-6)
        self.conv_out = nn.Conv2d(now, latent, 3, 1, 1)

    def forward(self, x):
        x = self.conv_in(x)
        for level in self.down:
            for block in level["block"]:
                x = block(x)
            if "downsample" in level:
                x = level["downsample"](x)
        for name in ("block_1", "attn_1", "block_2"):
            x = self.mid[name](x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Decoder(nn.Module):
    def __init__(self, width, mults, layers, latent):
        super().__init__()
        now = mults[-1] * width
        self.conv_in = nn.Conv2d(latent, now, 3, 1, 1)
        self.mid = middle(now)
        levels = []
        for level, mult in reversed(list(enumerate(mults))):
            blocks = nn.ModuleList()
            for _ in range(layers + 1):
                blocks.append(ImageResidual(now, mult * width))
                now = mult * width
            parts = {"block": blocks}
            if level:
                parts["upsample"] = Doubled(now)
            levels.append(nn.ModuleDict(parts))
        # Numbered by resolution, the finest first, and run from the coarsest.
        self.up = nn.ModuleList(reversed(levels))
        self.norm_out = normed(now, eps=1e-6)
        self.conv_out = nn.Conv2d(now, 3, 3, 1, 1)

    def forward(self, x):
        x = self.conv_in(x)
        for name in ("block_1", "attn_1", "block_2"):
            x = self.mid[name](x)
        for level in reversed(self.up):
            for block in level["block"]:
                x = block(x)
            if "upsample" in level:
                x = level["upsample"](x)
        return self.conv_out(F.silu(self.norm_out(x)))


class VQAutoencoder(nn.Module):
    """Encodes to latents that are not quantised yet; decodes their nearest codes."""

    def __init__(self, width=32, mults=(1, 2, 4), layers=2, latent=3, codes=50):
        super().__init__()
        self.encoder = Encoder(width, mults, layers, latent)
        self.decoder = Decoder(width, mults, layers, latent)
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(codes, latent)})
        self.quant_conv = nn.Conv2d(latent, latent, 1)
        self.post_quant_conv = nn.Conv2d(latent, latent, 1)

    def encode(self, x):
        return self.quant_conv(self.encoder(x))

    def decode(self, x):
        codes = self.quantize["embedding"].weight
        distances = (x[:, None] - codes[None, :, :, None, None]).square().sum(2)
        nearest = codes[distances.argmin(1)].permute(0, 3, 1, 2)
        return self.decoder(self.post_quant_conv(nearest))


class OriginalLDM(nn.Module):
    """The whole model, its parts named as in the checkpoint."""

    def __init__(self, classes=11, context=16, autoencoder=None, **unet):
        super().__init__()
        self.model = nn.ModuleDict({"diffusion_model": UNet(context=context, **unet)})
        self.first_stage_model = VQAutoencoder(**(autoencoder or {}))
        self.cond_stage_model = nn.ModuleDict({"embedding": nn.Embedding(classes, context)})
        self.register_buffer("betas", BETAS.float())

    def predict(self, latents, timesteps, labels):
        context = self.cond_stage_model["embedding"](labels)[:, None]
        return self.model["diffusion_model"](latents, timesteps, context)


def scattered(model, scale=0.05):
    """Give every parameter a random value of its own, so that no two can be mixed up unseen.

    Weights are small, so that variances are, and it shows what a norm adds to them.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, scale)
            if parameter.ndim == 1 and name.endswith("weight"):  # of a norm
                parameter.add_(1.0)
    return model.eval()


def save_checkpoint(model, path, averaged=None, extra=None):
    """Save a model as Lightning does, with an averaged copy of its U-Net's weights if given."""
    state = dict(model.state_dict())
    if averaged is not None:
        for name, tensor in averaged.model.named_parameters():
            state[f"model_ema.{name.replace('.', '')}"] = tensor.detach()
        state["model_ema.decay"] = torch.tensor(0.9999)
        state["model_ema.num_updates"] = torch.tensor(178_000)
    content = {"epoch": 3, "global_step": 178_000, "state_dict": state, **(extra or {})}
    torch.save(content, path)
    return path
