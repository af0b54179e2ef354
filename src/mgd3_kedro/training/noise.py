"""How much noise samples are trained at, what is predicted of them, and what errors count for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch

TRAIN_TIMESTEPS = 1000
BETA_START, BETA_END = 1e-4, 0.02
"""Of the linear schedule.

Source: DDPM (arXiv 2006.11239), section 4.
"""


def linear_alphas_cumprod() -> torch.Tensor:
    """Return the signal shares of the linear schedule, (1000,), float32.

    Source: DDPM (arXiv 2006.11239), section 4.
    """
    betas = torch.linspace(BETA_START, BETA_END, TRAIN_TIMESTEPS, dtype=torch.float64)
    return torch.cumprod(1 - betas, 0).float()


class Prediction(NamedTuple):
    """What a transformer can predict of a noisy sample.

    Args:
        target: (clean, noise, signal share) -> what it is to say.
        gain: Signal-to-noise ratio -> how much larger the squared error of this is than that of
            the clean sample it implies.
    """

    target: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    gain: Callable[[torch.Tensor], torch.Tensor]


PREDICTIONS = {
    "epsilon": Prediction(lambda clean, noise, signal: noise, lambda snr: snr),
    "sample": Prediction(lambda clean, noise, signal: clean, torch.ones_like),
    "v_prediction": Prediction(
        lambda clean, noise, signal: signal.sqrt() * noise - (1 - signal).sqrt() * clean,
        lambda snr: snr + 1,
    ),
}
"""Prediction type, as schedulers of diffusers call it -> what is predicted. "sample" suits patches
of many channels for the width of the transformer: clean latents lie on few dimensions, noise on all
(arXiv 2511.13720)."""


def error_weights(
    prediction_type: str, snr_gamma: float | None, snr_floor: float | None = None
) -> torch.Tensor:
    """Return what the squared error of a prediction counts for at every timestep, (1000,), float32.

    Whatever is predicted, the same error of the clean sample counts for the same.

    Args:
        prediction_type: A name of `PREDICTIONS`.
        snr_gamma: As in `DenoiserConfig`.
        snr_floor: As in `DenoiserConfig`.

    Source: Min-SNR weighting (arXiv 2303.09556), section 3.4; the floor as in progressive
    distillation (arXiv 2202.00512), section 4.
    """
    signal = linear_alphas_cumprod()
    snr = signal / (1 - signal)
    counted = snr.clamp(snr_floor or 0, snr_gamma or math.inf)
    return counted / PREDICTIONS[prediction_type].gain(snr)


def draw_timesteps(
    count: int,
    log_sigma_mean: float | None,
    log_sigma_std: float | None,
    generator: torch.Generator,
    device: torch.device,
) -> torch.Tensor:
    """Draw the timesteps that samples are trained at, (count,), int64.

    Args:
        count: Number of samples.
        log_sigma_mean: As in `DenoiserConfig`; with it, each draw becomes the nearest timestep.
        log_sigma_std: As in `DenoiserConfig`.
        generator: Source of the draws.
        device: Where it draws.

    Source: EDM (arXiv 2206.00364), section 5: noise levels are log-normal there.
    """
    if log_sigma_mean is None or log_sigma_std is None:
        return torch.randint(TRAIN_TIMESTEPS, (count,), generator=generator, device=device)
    wanted = log_sigma_mean + log_sigma_std * torch.randn(count, generator=generator, device=device)
    return torch.bucketize(wanted, _borders(device))


@lru_cache(maxsize=1)
def _borders(device: torch.device) -> torch.Tensor:
    signal = linear_alphas_cumprod()
    log_sigma = ((1 - signal) / signal).log() / 2
    return ((log_sigma[1:] + log_sigma[:-1]) / 2).to(device)
