"""Values that are passed between stages; each checks its shapes when it is created.

Letters of shapes: B batch, N images of a class, L latents of a class, K modes, C channels,
H height, W width, D flattened latent size.
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
        image_numbers: (L,), int64, index within the class of the image of each latent.
        mirrored: (L,), bool, whether that image was mirrored.

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
        parents: (K,), int64, the earlier mode from which each mode was split, -1 for the first;
            None if clusters do not nest.

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
    """Output of a backbone for one reverse step, before noise or guidance is added.

    Args:
        prev_mean: Mean of the previous sample, (B, C, H, W).
        std: Standard deviation of the step, broadcastable to (B, C, H, W); 0 where the step is
            deterministic.
        pred_original_sample: The clean sample this step predicts, (B, C, H, W).
        pull: Weight with which guidance of the clean sample enters the mean, broadcastable to
            (B, C, H, W).
        clean_weight: Weight of the clean sample in the mean: its change if the clean sample
            changes by 1.
        alpha_bar: Share of the clean sample in the variance of the noisy one, 0..1.
        index: Step index i, T-1 down to 0.
        noisy: Input of the step, x_t, (B, C, H, W).
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
"""Suffixes of pickled weights, which are not read because unpickling can run any code."""


@dataclass(frozen=True)
class ModelFolder:
    """Weights on disk.

    Args:
        path: Folder in diffusers' format.
        fingerprint: Identity of the content.
        family: Kind of model: a name of `BACKBONES`.
        autoencoder: Folder of an autoencoder that replaces the model's own; None to use its own.
    """

    path: Path
    fingerprint: str
    family: str
    autoencoder: Path | None = None
