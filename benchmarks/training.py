"""Gain of this project's attention code when a prior is trained on a CPU."""

from __future__ import annotations

import torch

from benchmarks.models import LATENT_CHANNELS, SEED, Bench, DiTSize, build_dit
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.training.attention import shorten_attention


def compare_with_fused_attention(bench: Bench, size: DiTSize, batch: int) -> Spread:
    """Return a compiled transformer's gradients per second, over those with fused attention."""
    generator = torch.Generator().manual_seed(SEED)
    shape = (batch, LATENT_CHANNELS, size.latent_side, size.latent_side)
    latents = torch.randn(shape, generator=generator)
    labels = torch.randint(size.classes, (batch,), generator=generator)
    timesteps = torch.randint(1000, (batch,), generator=generator)
    fused, short = build_dit(size).eval(), build_dit(size).eval()
    shorten_attention(short)
    for model in (fused, short):
        model.compile()

    def update(model: torch.nn.Module) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            predicted = model(latents, timestep=timesteps, class_labels=labels).sample
        predicted.float().square().mean().backward()
        model.zero_grad(set_to_none=True)

    return spread_of(time_ratios(lambda: update(fused), lambda: update(short), bench.seconds))
