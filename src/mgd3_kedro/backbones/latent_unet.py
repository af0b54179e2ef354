"""Class-conditional U-Nets on latents, as the network of a diffusion model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from mgd3_kedro.backbones.base import ConditionChange
from mgd3_kedro.backbones.conditioning import class_labels
from mgd3_kedro.backbones.embeddings import changed_embeddings
from mgd3_kedro.backbones.features import middle_of, output_of
from mgd3_kedro.benchmark import ClassSpec

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel, UNet2DModel

MOST_ROWS = 48
"""Most rows in one forward pass. From 64 rows on, diffusers' upsampling uses another memory layout,
which changes the last bits."""
UNETS = {"UNet2DModel": "num_class_embeds", "UNet2DConditionModel": "encoder_hid_dim"}
"""diffusers' class of a U-Net -> its setting for the number of class embeddings. The first class
adds the class embedding to that of the timestep. The second attends to it: it takes a one-hot row,
and the matrix that projects this row is the table of embeddings."""


@dataclass(frozen=True, eq=False)
class LatentDiffusionDenoiser:
    """A U-Net with a table of class embeddings, the last of which is that of the null class.

    Args:
        unet: Has twice as many output channels as input channels if it predicts variances.

    Source: latent diffusion (arXiv 2112.10752), section 4.3 and appendix C.
    """

    unet: UNet2DModel | UNet2DConditionModel

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""
        size = self.unet.config.sample_size
        return self.unet.config.in_channels, size, size

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(D,) or (1, D) of the embedding of a class."""
        if self._attends:
            return 1, self._table.out_features
        return (self._table.embedding_dim,)

    @cached_property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.unet.device

    @property
    def num_embeddings(self) -> int:
        """Number of classes, with the null class."""
        return int(self.unet.config[UNETS[type(self.unet).__name__]])

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return class indices (B,), int64.

        Raises:
            ValueError: If a class index is outside the label space.
        """
        return class_labels(classes, self.num_embeddings - 1).to(self.device)

    def null_condition(self) -> torch.Tensor:
        """Return the index of the null class, (1,), int64."""
        return torch.full((1,), self.num_embeddings - 1, device=self.device)

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None = None,
    ) -> torch.Tensor:
        """Return the output (B, C, H, W) or (B, 2C, H, W)."""
        parts = [slice(at, at + MOST_ROWS) for at in range(0, len(latents), MOST_ROWS)]
        return torch.cat(
            [
                self._forward(
                    latents[part],
                    timesteps[part],
                    conditions[part],
                    change.rows(part) if change else None,
                )
                for part in parts
            ]
        )

    def features(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return the features after the middle block, averaged over places, (B, D), float32."""
        given: Any = self._given(conditions, latents.dtype)
        # `forward`, not a call: the call may be compiled, and then runs no hooks.
        run = partial(self.unet.forward, latents, timesteps, given)
        return output_of(middle_of(self.unet), run).float().mean((2, 3))

    def _forward(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None,
    ) -> torch.Tensor:
        given = partial(self._given, dtype=latents.dtype)
        name = "encoder_hidden_states" if self._attends else "class_labels"
        with changed_embeddings([self._table], change, given):
            output: torch.Tensor = self.unet(latents, timesteps, **{name: given(conditions)}).sample
        return output

    def _given(self, classes: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return the U-Net's input for class indices (B,): the indices, or one-hot (B, 1, n)."""
        if not self._attends:
            return classes
        return F.one_hot(classes, self.num_embeddings)[:, None].to(dtype)

    @property
    def _attends(self) -> bool:
        return UNETS[type(self.unet).__name__] == "encoder_hid_dim"

    @property
    def _table(self) -> Any:
        return self.unet.encoder_hid_proj if self._attends else self.unet.class_embedding
