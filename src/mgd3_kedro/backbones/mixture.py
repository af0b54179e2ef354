"""A Gaussian mixture as a diffusion model in closed form: an exact denoiser with known modes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mgd3_kedro.backbones.base import ConditionChange, SecondCondition
from mgd3_kedro.backbones.samplers import Sampler
from mgd3_kedro.backbones.schedule import NoiseSchedule
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.records import DenoisingStep


class GaussianMixtureBackbone:
    """Data drawn from sum_k weight_k N(mean_k, std^2 I), denoised exactly.

    Args:
        means: (M, C, H, W), centres of the components.
        weights: (M,), their shares, summing to 1.
        std: Common standard deviation within a component.
        schedule: The respaced noise schedule.
        sampler: How a step is made from the noise prediction.

    Raises:
        ValueError: If weights do not match the means or do not sum to 1.

    Source: Bayes' rule; the setting of MGD3 (arXiv 2505.18963), Figure 1.
    """

    device = torch.device("cpu")
    embedding_shape = ()

    def __init__(
        self,
        means: torch.Tensor,
        weights: Sequence[float],
        std: float,
        schedule: NoiseSchedule,
        sampler: Sampler,
    ) -> None:
        if len(weights) != len(means) or abs(sum(weights) - 1) > 1e-6:
            raise ValueError(
                f"weights: expected {len(means)} shares summing to 1, got {list(weights)}"
            )
        self.means = means
        self.weights = torch.tensor(weights, dtype=means.dtype)
        self.std = std
        self.schedule = schedule
        self.sampler = sampler

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""
        channels, height, width = self.means.shape[1:]
        return channels, height, width

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The T visited timesteps of training, ascending."""
        return tuple(self.schedule.timesteps.tolist())

    @property
    def trained_timesteps(self) -> int:
        """Number of timesteps of training that the schedule was made for."""
        return self.schedule.num_train_timesteps

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return zeros (B,): the mixture has no classes."""
        return torch.zeros(len(classes))

    def step(
        self,
        index: int,
        latents: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | SecondCondition | None = None,
    ) -> DenoisingStep:
        """Predict one reverse step from the exact posterior mean of the clean sample.

        The mixture has no classes, so `conditions` and `change` are not used.

        Source: Bayes' rule.
        """
        alpha = self.schedule.alpha_cumprod(index)
        variance = alpha * self.std**2 + 1 - alpha
        centred = latents[:, None] - alpha**0.5 * self.means[None]
        distance = centred.square().flatten(2).sum(2)
        share = torch.softmax(self.weights.log() - distance / (2 * variance), dim=1)
        # The score of the noisy mixture is -noise / sqrt(1 - alpha).
        score = -(share[:, :, None, None, None] * centred).sum(1) / variance
        return self.sampler(self.schedule, index, latents, -((1 - alpha) ** 0.5) * score, None)

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index."""
        return self.schedule.add_noise(latents, noise, index)
