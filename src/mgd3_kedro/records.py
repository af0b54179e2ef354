"""The values that flow between stages; each refuses wrong shapes at birth.

Letters of shapes: B batch, N images of a class, K modes, C channels, H height, W width,
D flattened latent size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from mgd3_kedro.checks import check_latents


@dataclass(frozen=True)
class LatentSet:
    """Scaled latents of one class.

    Args:
        latents: (L, C, H, W), float32, autoencoder mean times its scaling factor.
        image_numbers: (L,), int64, places within the class of the images they stand for.
        mirrored: (L,), bool, whether those are mirrored.

    Raises:
        ValueError: If the shape is not (L, C, H, W) with L > 0, a value is not finite, or there are
            more or fewer numbers than latents.
    """

    latents: torch.Tensor
    image_numbers: torch.Tensor
    mirrored: torch.Tensor

    def __post_init__(self) -> None:
        check_latents("latents", self.latents)
        for name in ("image_numbers", "mirrored"):
            shape = tuple(getattr(self, name).shape)
            if shape != (len(self.latents),):
                raise ValueError(f"{name}: expected ({len(self.latents)},), got {shape}")


@dataclass(frozen=True)
class ModeSet:
    """The modes of one class.

    Args:
        modes: (K, C, H, W), float32, in scaled latent space; image i is guided to mode i.
        assignment: (N,), int64, the mode each real latent belongs to, -1 for none.
        nearest_real: (K,), int64, the real latent nearest to each mode.
        inertia: Sum of squared distances of the assigned latents to their modes.
        degenerate_clusters: Number of modes that equal another or whose cluster was found empty.
        parents: (K,), int64, the mode each was split off from, always an earlier one, -1 for the
            first; None where clusters do not nest.

    Raises:
        ValueError: If shapes disagree or a mode is not finite.
    """

    modes: torch.Tensor
    assignment: torch.Tensor
    nearest_real: torch.Tensor
    inertia: float
    degenerate_clusters: int = 0
    parents: torch.Tensor | None = None

    def __post_init__(self) -> None:
        check_latents("modes", self.modes)
        count = len(self.modes)
        if self.assignment.ndim != 1:
            raise ValueError(f"assignment: expected shape (N,), got {tuple(self.assignment.shape)}")
        if self.nearest_real.shape != (count,):
            raise ValueError(
                f"nearest_real: expected shape ({count},), got {tuple(self.nearest_real.shape)}"
            )
        if self.parents is not None and self.parents.shape != (count,):
            raise ValueError(f"parents: expected shape ({count},), got {tuple(self.parents.shape)}")

    @property
    def member_counts(self) -> torch.Tensor:
        """Number of real latents of each mode, (K,)."""
        members = self.assignment[self.assignment >= 0]
        return torch.bincount(members, minlength=len(self.modes))


@dataclass(frozen=True)
class DenoisingStep:
    """What a backbone says about one reverse step, before any noise or guidance is added.

    Args:
        prev_mean: Mean of the previous sample, (B, C, H, W).
        std: Standard deviation of the step, broadcastable to (B, C, H, W); 0 where the step is
            deterministic.
        pred_original_sample: The clean sample this step predicts, (B, C, H, W).
        pull: Weight with which guidance of the clean sample enters the mean, broadcastable to
            (B, C, H, W).
        clean_weight: What the mean moves by where the clean sample moves by 1.
        alpha_bar: Share of the clean sample in the variance of the noisy one, 0..1.
        index: Step index i, T-1 down to 0.
        noisy: What the step starts from, x_t, (B, C, H, W).
    """

    prev_mean: torch.Tensor
    std: torch.Tensor
    pred_original_sample: torch.Tensor
    pull: torch.Tensor
    clean_weight: float
    alpha_bar: float
    index: int
    noisy: torch.Tensor


PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
"""Suffixes of weights that are not read, as reading them can run any code."""


@dataclass(frozen=True)
class ModelFolder:
    """Weights on disk.

    Args:
        path: Folder in diffusers' format.
        fingerprint: Identity of the content.
        family: What kind of model it is: a name of `BACKBONES`.
        autoencoder: Folder of the autoencoder that takes the place of its own; None for that.
    """

    path: Path
    fingerprint: str
    family: str
    autoencoder: Path | None = None
