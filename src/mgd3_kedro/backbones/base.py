"""What sampling asks of a generative model, and what a diffusion model asks of its network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.rows import pad_batch


@dataclass(frozen=True)
class ConditionChange:
    """What the embeddings of conditions become within a network, in one step.

    Args:
        become: (embedding, noise, embedding of the other condition), (R, ..., D) each -> what takes
            the place of the embedding, (R, ..., D).
        noise: Of every row, (R, ..., D).
        others: Another condition of every row, (R, ...).
    """

    become: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    noise: torch.Tensor
    others: torch.Tensor

    def apply(self, embedding: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return what takes the place of embeddings (R, ..., D), given those of `others`."""
        return self.become(embedding, self.noise, other)

    def rows(self, part: slice) -> ConditionChange:
        """Return the change of some rows."""
        return replace(self, noise=self.noise[part], others=self.others[part])

    def padded(self, multiple: int) -> ConditionChange:
        """Return the change of rows that `pad_batch` has brought to a multiple."""
        noise, others = (pad_batch(each, multiple) for each in (self.noise, self.others))
        return replace(self, noise=noise, others=others)


@dataclass(frozen=True)
class SecondCondition:
    """Another condition that some samples are drawn on beside their own, in one step.

    Args:
        rows: Of these samples, (M,), int64.
        conditions: (M, ...).
        share: Of it in what is predicted with a condition, 0..1; the rest is of their own.
        scale: Factor of the guidance scale for these samples.
    """

    rows: torch.Tensor
    conditions: torch.Tensor
    share: float
    scale: float


class Backbone(Protocol):
    """A pre-trained diffusion model behind one interface, whatever its family.

    Step indices run from T-1 (pure noise) down to 0.
    """

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The T visited timesteps of training, ascending; step index i visits timesteps[i]."""

    @property
    def trained_timesteps(self) -> int:
        """How many timesteps the model was trained with."""

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(..., D) of what a condition becomes within the network."""

    @property
    def device(self) -> torch.device:
        """Where steps are computed."""

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return what tells the model the class of each sample, (B, ...), on its device."""

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
            change: Of the embeddings of these conditions and then of as many of no class, 2B rows;
                or another condition of some samples; None leaves all as they are.
        """

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index."""


class FeatureBackbone(Backbone, Protocol):
    """A backbone that also tells what its network sees in noisy latents."""

    def features(
        self, index: int, latents: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return what the first blocks of the network see, (B, D), float32.

        They can be differentiated by the latents; of no class nothing is computed.

        Args:
            index: Step index, whose noise the latents have.
            latents: (B, C, H, W).
            conditions: (B, ...).
            depth: Share of the blocks, 0..1; one at least. U-Nets are asked up to their middle.
        """

    def as_precise(self) -> AbstractContextManager[None]:
        """Compute as precisely as the network does, for gradients of features."""


class Denoiser(Protocol):
    """The network of a diffusion model: one forward pass, and what it is conditioned on."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(..., D) of what a condition becomes within the network."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return what stands for each sample's class, (B, ...).

        Raises:
            ValueError: If the network does not know a class.
        """

    def null_condition(self) -> torch.Tensor:
        """Return what stands for no class, (1, ...)."""

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None = None,
    ) -> torch.Tensor:
        """Return the output (B, C, H, W), or (B, 2C, H, W) with a share of the log variance.

        Args:
            latents: (B, C, H, W).
            timesteps: (B,).
            conditions: (B, ...).
            change: Of the embeddings of these conditions, wherever the network makes some; None
                leaves them.
        """

    def features(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return what the first blocks see, the mean over places, (B, D), float32.

        Args:
            latents: (B, C, H, W).
            timesteps: (B,).
            conditions: (B, ...).
            depth: Share of the blocks, 0..1; one at least. U-Nets are asked up to their middle.
        """
