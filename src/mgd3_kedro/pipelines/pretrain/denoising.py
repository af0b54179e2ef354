"""Measurement of a denoiser: its error on noisy latents."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import torch

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.backbones.diffusion import DiffusionBackbone, assemble_backbone
from mgd3_kedro.backbones.dit import DiTDenoiser
from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.pipelines.pretrain.images import as_shipped
from mgd3_kedro.pipelines.pretrain.latents import EncodedImages
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.training.denoiser import DenoiserConfig
from mgd3_kedro.training.loop import Trained

LEVELS = 10
"""Noise levels, evenly spaced over the timesteps."""
LATENTS_PER_CLASS = 100
"""Largest number of latents per class that are measured."""


def measure_denoising(
    benchmark: Benchmark,
    train_latents: EncodedImages,
    test_latents: EncodedImages,
    denoiser: Trained,
    denoiser_config: DenoiserConfig,
    diffusion: BackboneConfig,
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure the error of predicted clean latents, for train and test images.

    This error is comparable between prediction types and loss weightings. A smaller error for train
    images is a sign of memorisation.

    Args:
        benchmark: The classes.
        train_latents: Latents that the denoiser was trained on.
        test_latents: Latents that it was not trained on.
        denoiser: The denoiser; its weights are rounded to the stored precision here.
        denoiser_config: Configuration of the denoiser, with its prediction type.
        diffusion: Configuration of sampling; guidance is off here.

    Returns:
        Mean squared errors of latents over all noise levels, `train_error` and `test_error`; a
        table with one row per level: timestep, train_error, test_error.
    """
    plain = replace(
        diffusion,
        guidance_scale=1.0,
        num_inference_steps=LEVELS,
        reference_steps=None,
        timestep_spacing="linspace",
    )
    backbone = assemble_backbone(
        DiTDenoiser(as_shipped(denoiser.model, diffusion.precision)),
        TrainedSchedule(prediction_type=denoiser_config.prediction_type),
        plain,
    )
    table = pd.DataFrame(
        {
            "timestep": backbone.timesteps,
            "train_error": _errors(backbone, train_latents, benchmark.classes),
            "test_error": _errors(backbone, test_latents, benchmark.classes),
        }
    )
    return {name: float(table[name].mean()) for name in ("train_error", "test_error")}, table


def _errors(
    backbone: DiffusionBackbone, encoded: EncodedImages, classes: tuple[ClassSpec, ...]
) -> list[float]:
    places = [torch.where(encoded.labels == label)[0] for label in range(len(classes))]
    rows = torch.cat([of_class[:LATENTS_PER_CLASS] for of_class in places])
    clean = encoded.latents[rows]
    of = backbone.conditions([classes[label] for label in encoded.labels[rows].tolist()])
    errors = []
    for index in range(LEVELS):
        noise = torch.randn(clean.shape, generator=seeded_generator(index))
        noisy = backbone.add_noise(clean, noise, index)
        found = torch.cat(
            [
                backbone.step(index, part.to(backbone.device), named).pred_original_sample.cpu()
                for part, named in zip(
                    noisy.split(backbone.config.max_batch),
                    of.split(backbone.config.max_batch),
                    strict=True,
                )
            ]
        )
        errors.append(float((found - clean).square().mean()))
    return errors
