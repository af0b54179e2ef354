"""Noise levels, prediction targets and loss weights of the training of a denoiser."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch

TRAIN_TIMESTEPS = 1000
BETA_START, BETA_END = 1e-4, 0.02
"""First and last beta of the linear schedule.

Source: DDPM (arXiv 2006.11239), section 4.
"""


def linear_alphas_cumprod() -> torch.Tensor:
    """Return the signal shares of the linear schedule, (1000,), float32.

    Source: DDPM (arXiv 2006.11239), section 4.
    """
    betas = torch.linspace(BETA_START, BETA_END, TRAIN_TIMESTEPS, dtype=torch.float64)
    return torch.cumprod(1 - betas, 0).float()


class Prediction(NamedTuple):
    """A quantity that a transformer can predict from a noisy sample.

    Args:
        target: (clean sample, noise, signal share) -> target of the prediction.
        gain: Signal-to-noise ratio -> squared error of the prediction over the squared error of
            the clean sample that it implies.
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
"""Prediction type, as named in schedulers of diffusers -> prediction. "sample" suits patches with
many channels compared with the width of the transformer: clean latents lie in few dimensions, noise
in all of them (arXiv 2511.13720)."""


def error_weights(
    prediction_type: str, snr_gamma: float | None, snr_floor: float | None = None
) -> torch.Tensor:
    """Return the weight of the squared error at every timestep, (1000,), float32.

    The same error of the clean sample has the same weighted loss for all prediction types.

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
    """Draw the timesteps of training samples, (count,), int64.

    Args:
        count: Number of samples.
        log_sigma_mean: As in `DenoiserConfig`. If given, each draw is rounded to the nearest
            timestep; None draws timesteps uniformly.
        log_sigma_std: As in `DenoiserConfig`.
        generator: Source of the draws.
        device: Device of the generator.

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
