"""A backbone that records its predictions of the clean latents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from mgd3_kedro.backbones.base import Backbone, ConditionChange, SecondCondition
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.records import DenoisingStep


@dataclass(frozen=True)
class RecordingBackbone:
    """A wrapper of a backbone that records the predicted clean latents.

    Args:
        backbone: The wrapped backbone.
        steps: Indices of the steps to record.
        seen: Step -> recorded prediction, (B, C, H, W), on the CPU.
    """

    backbone: Backbone
    steps: Collection[int]
    seen: dict[int, torch.Tensor] = field(default_factory=dict)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""
        return self.backbone.latent_shape

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The visited timesteps of training, ascending."""
        return self.backbone.timesteps

    @property
    def trained_timesteps(self) -> int:
        """Number of timesteps that the model was trained with."""
        return self.backbone.trained_timesteps

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """Shape (..., D) of the network's embedding of a condition."""
        return self.backbone.embedding_shape

    @property
    def device(self) -> torch.device:
        """Device that computes the steps."""
        return self.backbone.device

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return the class conditions of the samples, (B, ...)."""
        return self.backbone.conditions(classes)

    def step(
        self,
        index: int,
        latents: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | SecondCondition | None = None,
    ) -> DenoisingStep:
        """Compute one reverse step, and record its predicted clean latents if configured."""
        step = self.backbone.step(index, latents, conditions, change)
        if index in self.steps:
            self.seen[index] = step.pred_original_sample.cpu()
        return step

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Add noise to clean latents, for the noise level of a step index."""
        return self.backbone.add_noise(latents, noise, index)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the wrapped backbone that the protocol lacks."""
        return getattr(self.backbone, name)
