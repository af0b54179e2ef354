"""Interfaces: of a diffusion model, for sampling, and of its network."""

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
    """A change of the condition embeddings inside a network, in one step.

    Args:
        become: (embedding, noise, embedding of the other condition), each (R, ..., D) -> the new
            embedding, (R, ..., D).
        noise: Noise for every row, (R, ..., D).
        others: Another condition for every row, (R, ...).
    """

    transform: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    noise: torch.Tensor
    others: torch.Tensor

    def apply(self, embedding: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return the new embeddings, (R, ..., D).

        Args:
            embedding: Embeddings of the rows' own conditions, (R, ..., D).
            other: Embeddings of `others`, (R, ..., D).
        """
        return self.transform(embedding, self.noise, other)

    def rows(self, part: slice) -> ConditionChange:
        """Return the change for a slice of the rows."""
        return replace(self, noise=self.noise[part], others=self.others[part])

    def padded(self, multiple: int) -> ConditionChange:
        """Return the change for rows that `pad_batch` has padded to a multiple."""
        noise, others = (pad_batch(each, multiple) for each in (self.noise, self.others))
        return replace(self, noise=noise, others=others)


@dataclass(frozen=True)
class SecondCondition:
    """A second condition for some samples, besides their own, in one step.

    Args:
        rows: Rows of these samples, (M,), int64.
        conditions: The second condition of each, (M, ...).
        share: Weight of the second condition in the conditional prediction, 0..1; the rest is the
            weight of their own condition.
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
        """Number of timesteps that the model was trained with."""

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(..., D), the shape of the embedding of one condition inside the network."""

    @property
    def device(self) -> torch.device:
        """Device on which steps are computed."""

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return the class condition of each sample, (B, ...), on the model's device."""

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
        """

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index."""


class FeatureBackbone(Backbone, Protocol):
    """A backbone that also gives features of its network for noisy latents."""

    def features(
        self, index: int, latents: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return the features after the first blocks of the network, (B, D), float32.

        They are differentiable with respect to the latents. There is no pass for the null class.

        Args:
            index: Step index whose noise level the latents have.
            latents: (B, C, H, W).
            conditions: (B, ...).
            depth: Share of the blocks to run, 0..1, at least one block. U-Nets ignore it and run up
                to their middle block.
        """

    def as_precise(self) -> AbstractContextManager[None]:
        """Return a context with the matmul precision of the network, for gradients of features."""


class Denoiser(Protocol):
    """The network of a diffusion model: one forward pass, and what it is conditioned on."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(..., D), the shape of the embedding of one condition inside the network."""

    @property
    def device(self) -> torch.device:
        """Device of the network."""

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return the class condition of each sample, (B, ...).

        Raises:
            ValueError: If the network does not know a class.
        """

    def null_condition(self) -> torch.Tensor:
        """Return the null condition, which stands for no class, (1, ...)."""

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None = None,
    ) -> torch.Tensor:
        """Return the output (B, C, H, W), or (B, 2C, H, W) if variances are predicted too.

        Args:
            latents: (B, C, H, W).
            timesteps: (B,).
            conditions: (B, ...).
            change: Change of the embeddings of these conditions, B rows, at every place where the
                network computes them; None for no change.
        """

    def features(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return the features after the first blocks, averaged over places, (B, D), float32.

        Args:
            latents: (B, C, H, W).
            timesteps: (B,).
            conditions: (B, ...).
            depth: Share of the blocks to run, 0..1, at least one block. U-Nets ignore it and run up
                to their middle block.
        """
