"""Nodes that sample a Gaussian mixture with and without mode guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from mgd3_kedro.backbones.mixture import GaussianMixtureBackbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checks import check_choice, check_count, check_range
from mgd3_kedro.figures import draw_mixture
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("unguided", "guided")


@dataclass(frozen=True)
class MixtureConfig:
    """Configuration of a Gaussian mixture and of its sampling.

    Args:
        weights: Share of each mode; they sum to 1.
        std: Standard deviation of every mode, in every dimension.
        shape: Channels, rows and columns of a sample.
        samples: Number of samples without guidance, and again with guidance; sample i is guided to
            mode i modulo the number of modes.
        mode_guidance_scale: Scale of mode guidance, lambda.
        stop_guidance_step: Steps with a higher index are guided.
        num_inference_steps: Number of denoising steps.
        sampler: A name of `SAMPLERS`.
        seed: Seed of the centres, which have a normal distribution, and of the noise.

    Raises:
        ValueError: If a setting is invalid; the message names it.
    """

    weights: list[float]
    std: float
    shape: list[int]
    samples: int
    mode_guidance_scale: float
    stop_guidance_step: int
    num_inference_steps: int
    sampler: str
    seed: int

    def __post_init__(self) -> None:
        for weight in self.weights:
            check_range("weights", weight, 0, 1, low_open=True)
        if len(self.weights) < 2 or abs(sum(self.weights) - 1) > 1e-6:
            raise ValueError(f"weights: expected at least 2 that sum to 1, got {self.weights}")
        if len(self.shape) != 3:
            raise ValueError(f"shape: expected channels, rows and columns, got {self.shape}")
        check_range("std", self.std, 0, low_open=True)
        for name in ("samples", "num_inference_steps"):
            check_count(name, getattr(self, name))
        check_count("stop_guidance_step", self.stop_guidance_step, 0)
        check_count("seed", self.seed, 0, 2**32 - 1)
        check_range("mode_guidance_scale", self.mode_guidance_scale, 0)
        check_choice("sampler", self.sampler, SAMPLERS)


def sample_mixture(mixture: MixtureConfig) -> pd.DataFrame:
    """Sample the mixture with its exact denoiser, without and with mode guidance.

    Returns:
        One row per sample: `kind`, `sample`, `guided_to`, `hit` (the nearest mode), `deviation`
        (root mean square per dimension from that mode), and `x` and `y` (position in the plane of
        the first two principal components of the modes). One row per mode, of the kind "mode".

    Source: MGD3 (arXiv 2505.18963), Figure 1.
    """
    centres = torch.randn(
        len(mixture.weights),
        *mixture.shape,
        generator=torch.Generator().manual_seed(mixture.seed),
    )
    flat = centres.flatten(1).double().numpy()
    origin = flat.mean(axis=0)
    plane = np.linalg.svd(flat - origin, full_matrices=False)[2][:2].T
    owners = torch.arange(mixture.samples) % len(centres)
    rows = [_describe("mode", np.arange(len(centres)), flat, flat, origin, plane)]
    for kind, scale in zip(KINDS, (0.0, mixture.mode_guidance_scale), strict=True):
        samples = _draw(mixture, centres, owners, scale).flatten(1).double().numpy()
        rows.append(_describe(kind, owners.numpy(), samples, flat, origin, plane))
    return pd.concat(rows, ignore_index=True)


def measure_mixture(mixture_samples: pd.DataFrame, mixture: MixtureConfig) -> dict[str, float]:
    """Return the hits of each mode, and the spread around modes relative to the true spread.

    Source: MGD3 (arXiv 2505.18963), Figure 1.
    """
    measured: dict[str, float] = {}
    for kind in KINDS:
        of_kind = mixture_samples[mixture_samples["kind"] == kind]
        for mode in range(len(mixture.weights)):
            measured[f"{kind}/hits_of_mode_{mode}"] = float((of_kind["hit"] == mode).sum())
        spread = float(np.sqrt(np.square(of_kind["deviation"]).mean()))
        measured[f"{kind}/relative_spread"] = spread / mixture.std
    return measured


def draw_mixture_samples(mixture_samples: pd.DataFrame, weights: list[float]) -> Figure:
    """Draw both sets of samples around the modes, and how often each mode is hit.

    Source: MGD3 (arXiv 2505.18963), Figure 1.
    """
    of = dict(list(mixture_samples.groupby("kind")))
    places = {kind: rows[["x", "y"]].to_numpy() for kind, rows in of.items()}
    unguided, guided = KINDS
    return draw_mixture(
        places["mode"],
        places[unguided],
        places[guided],
        weights,
        hits=(of[unguided]["hit"].to_numpy(), of[guided]["hit"].to_numpy()),
    )


def _draw(
    mixture: MixtureConfig, centres: torch.Tensor, owners: torch.Tensor, scale: float
) -> torch.Tensor:
    backbone = GaussianMixtureBackbone(
        centres,
        mixture.weights,
        mixture.std,
        respaced_schedule(mixture.num_inference_steps),
        SAMPLERS[mixture.sampler],
    )
    config = SamplingConfig("noise", 0.7, scale, "constant", mixture.stop_guidance_step, None)
    generators = [image_generator(mixture.seed, 0, image) for image in range(len(owners))]
    classes = [ClassSpec(0, "mixture", 0, "mixture")] * len(owners)
    return denoise(backbone, centres[owners], classes, config, generators)


def _describe(
    kind: str, guided_to: Any, samples: Any, centres: Any, origin: Any, plane: Any
) -> pd.DataFrame:
    distances = np.square(samples[:, None] - centres[None]).mean(axis=2)
    x, y = ((samples - origin) @ plane).T
    return pd.DataFrame(
        {
            "kind": kind,
            "sample": range(len(samples)),
            "guided_to": guided_to,
            "hit": distances.argmin(axis=1),
            "deviation": np.sqrt(distances.min(axis=1)).round(6),
            "x": x.round(6),
            "y": y.round(6),
        }
    )
