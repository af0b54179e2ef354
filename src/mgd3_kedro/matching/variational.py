"""The variational bound, from which a diffusion model learns its variances."""

from __future__ import annotations

import math

import torch

HALF_BIN = 1 / 255
"""Half the distance between neighbours of 256 values in [-1, 1]."""
OUTERMOST = 0.999
"""A value beyond this lies in the first or last bin, which has no outer limit."""
SMALLEST_PROBABILITY = 1e-12


class VariationalBound:
    """The variational bound of a model that predicts its log variance between two limits.

    Args:
        alphas_cumprod: (T,), float64, share of signal variance at every timestep of training.
    """

    def __init__(self, alphas_cumprod: torch.Tensor) -> None:
        before = torch.cat([torch.ones(1, dtype=torch.float64), alphas_cumprod[:-1]])
        betas, noise = 1 - alphas_cumprod / before, 1 - alphas_cumprod
        lowest = betas * (1 - before) / noise
        # The variance of the last step is 0, and the logarithm of 0 is not finite.
        lowest[0] = lowest[1]
        self._coef_clean = before.sqrt() * betas / noise
        self._log_low = lowest.log()
        self._log_high = betas.log()

    def bits(
        self,
        timesteps: torch.Tensor,
        clean: torch.Tensor,
        clean_pred: torch.Tensor,
        variance_pred: torch.Tensor,
    ) -> torch.Tensor:
        """Return the term of each sample in bits per latent value, (B,).

        Above timestep 0, the term is the KL divergence from the true to the predicted distribution
        of the previous sample. At timestep 0, it is the negative log likelihood of the clean
        latent, in bins like those of 8-bit pixels.

        Args:
            timesteps: (B,), int64, on CPU.
            clean: (B, C, H, W).
            clean_pred: (B, C, H, W), predicted from the noisy latent.
            variance_pred: (B, C, H, W), -1 for the lower variance, 1 for the higher.

        Source: improved DDPM (arXiv 2102.09672), eq. 4-7 and 15; exact normal probabilities, where
        released codes approximate them.
        """

        def at(values: torch.Tensor) -> torch.Tensor:
            return values[timesteps].view(-1, 1, 1, 1).to(clean)

        # The limits are so close at noisy timesteps that float32 would lose their difference.
        excess = (variance_pred + 1) / 2 * at(self._log_high - self._log_low)
        log_variance = at(self._log_low) + excess
        distance = (at(self._coef_clean) * (clean - clean_pred)).square()
        divergence = 0.5 * (excess + (-excess).expm1() + distance * (-log_variance).exp())
        # The mean at timestep 0 is the predicted clean latent itself.
        surprise = -log_bin_probability(clean, clean_pred, (0.5 * log_variance).exp())
        at_end = (timesteps == 0).view(-1, 1, 1, 1).to(clean.device)
        return torch.where(at_end, surprise, divergence).flatten(1).mean(1) / math.log(2)


def log_bin_probability(
    values: torch.Tensor, mean: torch.Tensor, std: torch.Tensor
) -> torch.Tensor:
    """Return the log probability of each value's bin under a normal distribution.

    Args:
        values: (B, C, H, W), each the centre of a bin; 256 bins cover [-1, 1].
        mean: (B, C, H, W).
        std: (B, C, H, W).

    Source: DDPM (arXiv 2006.11239), eq. 13.
    """
    below = torch.special.ndtr((values - mean - HALF_BIN) / std)
    above = torch.special.ndtr((values - mean + HALF_BIN) / std)
    first, last = values < -OUTERMOST, values > OUTERMOST
    return (
        (above.masked_fill(last, 1) - below.masked_fill(first, 0))
        .clamp(min=SMALLEST_PROBABILITY)
        .log()
    )
