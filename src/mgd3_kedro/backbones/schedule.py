"""The respaced noise schedule: which training timesteps are visited, and how noisy each is."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mgd3_kedro.checks import check_range, lookup

BETA_SCHEDULES = {
    "linear": lambda start, end, count: torch.linspace(start, end, count, dtype=torch.float64),
    "scaled_linear": lambda start, end, count: torch.linspace(
        start**0.5, end**0.5, count, dtype=torch.float64
    ).square(),
}


@dataclass(frozen=True)
class NoiseSchedule:
    """Signal shares of the visited timesteps, noisiest last.

    Args:
        timesteps: (T,), int64, ascending training timesteps; step index i visits timesteps[i].
        alphas_cumprod: (T,), float64, share of signal variance at each.
    """

    timesteps: torch.Tensor
    alphas_cumprod: torch.Tensor

    def __len__(self) -> int:
        return len(self.timesteps)

    def alpha_cumprod(self, index: int) -> float:
        """Share of signal variance at a step index; 1 below index 0, where nothing is noisy."""
        return float(self.alphas_cumprod[index]) if index >= 0 else 1.0

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index.

        Source: DDPM (arXiv 2006.11239), eq. 4.
        """
        alpha = self.alpha_cumprod(index)
        return alpha**0.5 * latents + (1 - alpha) ** 0.5 * noise


def respaced_schedule(
    num_inference_steps: int,
    *,
    beta_schedule: str = "linear",
    beta_start: float = 1e-4,
    beta_end: float = 0.02,
    num_train_timesteps: int = 1000,
) -> NoiseSchedule:
    """Spread T steps evenly over the training timesteps, both ends included.

    Args:
        num_inference_steps: T.
        beta_schedule: A name of `BETA_SCHEDULES`.
        beta_start: First beta.
        beta_end: Last beta.
        num_train_timesteps: Timesteps the model was trained with.

    Raises:
        ValueError: If T is not within 2..num_train_timesteps.

    Source: improved DDPM (arXiv 2102.09672), section 4; equals diffusers' "linspace" spacing.
    """
    check_range("num_inference_steps", num_inference_steps, 2, num_train_timesteps)
    make_betas = lookup(BETA_SCHEDULES, beta_schedule, "beta schedule")
    alphas_cumprod = torch.cumprod(1 - make_betas(beta_start, beta_end, num_train_timesteps), 0)
    spread = torch.linspace(0, num_train_timesteps - 1, num_inference_steps, dtype=torch.float64)
    timesteps = spread.round().long()
    return NoiseSchedule(timesteps, alphas_cumprod[timesteps])
