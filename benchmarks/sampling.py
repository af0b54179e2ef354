"""Speed of drawing images compared with a plain loop, and cost of guidance and of the loop."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import cast

import torch

from benchmarks.models import LATENT_CHANNELS, Bench, Work, draw, load_dit
from benchmarks.plain import draw_plainly, load_plain
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.backbones.diffusion import DiffusionBackbone
from mgd3_kedro.backbones.dit import DiTDenoiser
from mgd3_kedro.devices import AUTO, settle_precision

PULL_POOL = 4
"""Side of the grid that `mgd3_pooled` averages the pull over."""
PLAIN_SHARE = 4
"""The plain loop draws one image in this many: its rate does not depend on the number of images."""


def compare_with_plain_loop(bench: Bench, work: Work) -> Spread:
    """Return images per second of `denoise`, over those of the plain loop."""
    backbone = load_dit(bench, work)
    plain_work = replace(work, images=max(1, work.images // PLAIN_SHARE))
    plain = load_plain(bench, work)
    ratios = time_ratios(
        lambda: draw_plainly(*plain, plain_work), lambda: draw(backbone, work), bench.seconds
    )
    factor = work.images / plain_work.images
    return spread_of([factor * ratio for ratio in ratios])


def compare_with_float32(bench: Bench, work: Work) -> Spread:
    """Return the time of `denoise` in the precision of `auto`, over that in float32."""
    fast = replace(work, precision=settle_precision(AUTO, bench.device))
    slow = replace(work, precision="fp32")
    backbones = [(load_dit(bench, one), one) for one in (fast, slow)]
    numerator, denominator = (partial(draw, *pair) for pair in backbones)
    return spread_of(time_ratios(numerator, denominator, bench.seconds))


def compare_with_unguided(bench: Bench, work: Work) -> Spread:
    """Return the time of `denoise` with mode guidance, over that without."""
    return guided_per_unguided(load_dit(bench, work), work, bench.seconds)


def guided_per_unguided(backbone: DiffusionBackbone, work: Work, seconds: float) -> Spread:
    """Return the same for a backbone that is loaded."""
    ratios = time_ratios(
        lambda: draw(backbone, work),
        lambda: draw(backbone, work, mode_guidance_scale=0.0),
        seconds,
    )
    return spread_of(ratios)


def compare_pulls(bench: Bench, work: Work) -> Spread:
    """Return the time of `denoise` with the pull of layout, over that with mode guidance.

    The pull of layout acts until the last step; mode guidance stops after half of the steps, as by
    default.
    """
    backbone = load_dit(bench, work)
    ratios = time_ratios(
        lambda: draw(backbone, work, pull_pool=PULL_POOL),
        lambda: draw(backbone, work, stop_guidance_step=work.steps // 2),
        bench.seconds,
    )
    return spread_of(ratios)


def compare_with_bare_forward(bench: Bench, work: Work) -> Spread:
    """Return the time of a whole step of `denoise`, over that of the transformer alone.

    The transformer gets the same number of rows as in a step: two per image.
    """
    return step_per_forward(load_dit(bench, work), work, bench.seconds)


@torch.no_grad()
def step_per_forward(backbone: DiffusionBackbone, work: Work, seconds: float) -> Spread:
    """Return the same for a backbone that is loaded."""
    transformer = cast(DiTDenoiser, backbone.denoiser).transformer
    side, count = work.size.latent_side, 2 * work.images
    rows = torch.randn(count, LATENT_CHANNELS, side, side).to(transformer.device, transformer.dtype)
    labels = (torch.arange(count) % work.size.classes).to(transformer.device)
    timesteps = [torch.full((count,), t).to(transformer.device) for t in backbone.timesteps]

    def forward() -> None:
        for timestep in timesteps:
            transformer(rows, timestep=timestep, class_labels=labels)

    return spread_of(time_ratios(lambda: draw(backbone, work), forward, seconds))
