"""A backbone that remembers what it expected the image to be."""

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
    """Does what another backbone does, and keeps the clean samples that it predicts.

    Args:
        backbone: The other one.
        steps: Indices of the steps that are kept.
        seen: Step -> its prediction, (B, C, H, W), on the CPU.
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
        """How many timesteps the model was trained with."""
        return self.backbone.trained_timesteps

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(..., D) of what a condition becomes within the network."""
        return self.backbone.embedding_shape

    @property
    def device(self) -> torch.device:
        """Where steps are computed."""
        return self.backbone.device

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return what tells the model the class of each sample, (B, ...)."""
        return self.backbone.conditions(classes)

    def step(
        self,
        index: int,
        latents: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | SecondCondition | None = None,
    ) -> DenoisingStep:
        """Predict one reverse step, and keep its clean sample if it is asked for."""
        step = self.backbone.step(index, latents, conditions, change)
        if index in self.steps:
            self.seen[index] = step.pred_original_sample.cpu()
        return step

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents to the noise level of a step index."""
        return self.backbone.add_noise(latents, noise, index)

    def __getattr__(self, name: str) -> Any:
        """Return what only some backbones have."""
        return getattr(self.backbone, name)
