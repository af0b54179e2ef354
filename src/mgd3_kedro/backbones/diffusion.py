"""A diffusion model assembled from a network, a noise schedule and settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch

from mgd3_kedro.backbones.base import ConditionChange, Denoiser, SecondCondition
from mgd3_kedro.backbones.batching import row_tile
from mgd3_kedro.backbones.conditioning import classifier_free
from mgd3_kedro.backbones.samplers import SAMPLERS, total_pull
from mgd3_kedro.backbones.schedule import NoiseSchedule, TrainedSchedule, respaced_schedule
from mgd3_kedro.backbones.settings import BackboneConfig
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.devices import PRECISIONS, matmul_precision
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.rows import SteadyRows, pad_batch


@dataclass(frozen=True, eq=False)
class DiffusionBackbone:
    """A diffusion model with classifier-free guidance; latents stay in float32 throughout.

    Args:
        denoiser: The network.
        schedule: The visited noise levels.
        config: Settings of sampling.
        pull_scale: Factor of the pull towards modes.

    Source: latent diffusion (arXiv 2112.10752).
    """

    denoiser: Denoiser
    schedule: NoiseSchedule
    config: BackboneConfig
    pull_scale: float = 1.0

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""
        return self.denoiser.latent_shape

    @cached_property
    def timesteps(self) -> tuple[int, ...]:
        """The T visited timesteps of training, ascending."""
        return tuple(self.schedule.timesteps.tolist())

    @property
    def trained_timesteps(self) -> int:
        """Number of timesteps that the network was trained with."""
        return self.schedule.num_train_timesteps

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(..., D), the shape of the embedding of one condition inside the network."""
        return self.denoiser.embedding_shape

    @property
    def device(self) -> torch.device:
        """Device on which steps are computed."""
        return self.denoiser.device

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return the class condition of each sample, (B, ...).

        Raises:
            ValueError: If the network does not know a class.
        """
        return self.denoiser.conditions(classes)

    @torch.no_grad()
    def step(
        self,
        index: int,
        latents: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | SecondCondition | None = None,
    ) -> DenoisingStep:
        """Predict one reverse step.

        Args:
            index: Step index.
            latents: (B, C, H, W).
            conditions: (B, ...).
            change: Change of the embeddings, 2B rows: of these conditions, then of as many null
                conditions. Or a second condition for some samples. None for no change.

        Raises:
            ValueError: If embeddings are to be changed inside a compiled network.
        """
        second = change if isinstance(change, SecondCondition) else None
        embedded = change if isinstance(change, ConditionChange) else None
        if embedded is not None and self.config.compile:
            raise ValueError(
                "compile: expected false, because condition embeddings are changed inside the "
                "network and a compiled network ignores this, got true; set "
                "diffusion.compile=false"
            )
        output, variance = self._guided_output(index, latents, conditions, embedded, second)
        noise_pred = self.schedule.noise_pred(index, latents, output)
        sampler = SAMPLERS[self.config.sampler]
        step = sampler(self.schedule, index, latents, noise_pred, variance)
        return replace(step, pull=self.pull_scale * step.pull)

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index."""
        return self.schedule.add_noise(latents, noise, index)

    def features(
        self, index: int, latents: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return the features after the first blocks of the network, (B, D), float32.

        Args:
            index: Step index whose noise level the latents have.
            latents: (B, C, H, W).
            conditions: (B, ...).
            depth: Share of the blocks to run, 0..1.
        """
        run = partial(self.denoiser.features, depth=depth)
        return self._run(run, index, latents, conditions, row_tile(latents.device))

    def as_precise(self) -> AbstractContextManager[None]:
        """Return a context with the matmul precision of the network, for gradients of features."""
        return matmul_precision(PRECISIONS[self.config.precision])

    def _guided_output(
        self,
        index: int,
        latents: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None,
        second: SecondCondition | None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        channels = latents.shape[1]
        without = None
        if not self.config.uses_null_class(self.timesteps[index]):
            own = change.rows(slice(len(latents))) if change else None
            output = self._predict(index, latents, conditions, own)
            combined = output[:, :channels]
        else:
            null = self.denoiser.null_condition().expand_as(conditions)
            output, without = self._predict(
                index, torch.cat([latents, latents]), torch.cat([conditions, null]), change
            ).chunk(2)
            combined = classifier_free(
                output[:, :channels],
                without[:, :channels],
                self.config.guidance_scale,
                self.config.cfg_channels,
            )
        if second is not None:
            rows = second.rows
            other = self._predict(index, latents[rows], second.conditions, None)[:, :channels]
            both = (1 - second.share) * output[rows, :channels] + second.share * other
            if without is not None:
                scale = second.scale * self.config.guidance_scale
                null = without[rows, :channels]
                both = classifier_free(both, null, scale, self.config.cfg_channels)
            combined = combined.index_copy(0, rows, both)
        return combined, output[:, channels:] if output.shape[1] > channels else None

    def _predict(
        self,
        index: int,
        latents: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None,
    ) -> torch.Tensor:
        tile = row_tile(latents.device)
        if self.config.compile:
            guided = self.config.uses_null_class(self.timesteps[index])
            whole = math.ceil(len(latents) / tile) * tile
            with self._steady.size(whole, guided) as size:
                return self._run(self.denoiser.predict, index, latents, conditions, size)
        run = partial(self.denoiser.predict, change=change.padded(tile) if change else None)
        return self._run(run, index, latents, conditions, tile)

    @cached_property
    def _steady(self) -> SteadyRows:
        return SteadyRows()

    def _run(
        self,
        run: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
        index: int,
        latents: torch.Tensor,
        conditions: torch.Tensor,
        multiple: int,
    ) -> torch.Tensor:
        precision = PRECISIONS[self.config.precision]
        rows = pad_batch(latents.to(precision.dtype), multiple)
        # Filled on the device: a copy from the host would have to wait for it.
        timesteps = torch.full((len(rows),), self.timesteps[index], device=rows.device)
        with matmul_precision(precision):
            output = run(rows, timesteps, pad_batch(conditions, multiple))
        return output[: len(latents)].float()


def assemble_backbone(
    denoiser: Denoiser, trained: TrainedSchedule, config: BackboneConfig
) -> DiffusionBackbone:
    """Return a backbone: a network with the noise schedule that the settings ask for.

    Args:
        denoiser: The network.
        trained: The noise schedule that the network was trained with.
        config: Settings of sampling.

    Raises:
        ValueError: If the number of steps does not fit the schedule of training.
    """
    schedule = respaced_schedule(config.num_inference_steps, trained, config.timestep_spacing)
    pull_scale = 1.0
    if config.reference_steps is not None:
        sampler = SAMPLERS[config.sampler]
        reference = respaced_schedule(config.reference_steps, trained, config.timestep_spacing)
        pull_scale = total_pull(sampler, reference) / total_pull(sampler, schedule)
    return DiffusionBackbone(denoiser, schedule, config, pull_scale)
