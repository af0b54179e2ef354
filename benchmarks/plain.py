"""The sampling loop of public code: one image at a time, in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from benchmarks.models import (
    GUIDANCE_SCALE,
    LATENT_CHANNELS,
    MODE_GUIDANCE_SCALE,
    Bench,
    Work,
    save_dit,
)

if TYPE_CHECKING:
    from diffusers import DDPMScheduler, DiTTransformer2DModel


def load_plain(bench: Bench, work: Work) -> tuple[DiTTransformer2DModel, DDPMScheduler]:
    """Load the same weights with diffusers alone."""
    from diffusers import DDPMScheduler, DiTTransformer2DModel

    path = save_dit(bench.folder, work.size).path
    transformer = DiTTransformer2DModel.from_pretrained(
        path / "transformer", low_cpu_mem_usage=False
    )
    scheduler = DDPMScheduler.from_pretrained(path / "scheduler")
    scheduler.set_timesteps(work.steps)
    return transformer.to(bench.device).eval(), scheduler


@torch.no_grad()
def draw_plainly(
    transformer: DiTTransformer2DModel, scheduler: DDPMScheduler, work: Work
) -> torch.Tensor:
    """Draw the images of a batch one after another, with mode guidance.

    Source: MGD3 (arXiv 2505.18963), Algorithm 1.
    """
    drawn = []
    device = transformer.device
    for spec, mode, generator in zip(work.specs(), work.modes(), work.generators(), strict=True):
        latents = torch.randn((1, *mode.shape), generator=generator).to(device)
        mode = mode[None].to(device)
        labels = torch.tensor([spec.class_index, work.size.classes], device=device)
        for timestep in scheduler.timesteps:
            rows = torch.cat([latents, latents])
            timesteps = timestep.expand(2).to(device)
            output = transformer(rows, timestep=timesteps, class_labels=labels).sample
            conditional, unconditional = output[:, :LATENT_CHANNELS].chunk(2)
            noise_pred = unconditional + GUIDANCE_SCALE * (conditional - unconditional)
            variance_pred = output[:1, LATENT_CHANNELS:]
            step = scheduler.step(
                torch.cat([noise_pred, variance_pred], dim=1),
                timestep,
                latents,
                generator=generator,
            )
            latents = step.prev_sample
            if timestep > 0:
                std = _standard_deviation(scheduler, timestep, variance_pred)
                latents = latents + MODE_GUIDANCE_SCALE * std * (mode - step.pred_original_sample)
        drawn.append(latents.cpu())
    return torch.cat(drawn)


def _standard_deviation(
    scheduler: DDPMScheduler, timestep: torch.Tensor, variance_pred: torch.Tensor
) -> torch.Tensor:
    if variance_pred.shape[1] == 0:
        return scheduler._get_variance(timestep) ** 0.5
    return (0.5 * scheduler._get_variance(timestep, predicted_variance=variance_pred)).exp()
