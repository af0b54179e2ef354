"""What is measured of a denoiser: how far from a latent what it makes of its noisy copy is."""

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
"""Latents of a class, at most, that are made noisy."""


def measure_denoising(
    benchmark: Benchmark,
    train_latents: EncodedImages,
    test_latents: EncodedImages,
    denoiser: Trained,
    denoiser_config: DenoiserConfig,
    diffusion: BackboneConfig,
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure how well noisy latents are denoised, of images that were trained on and of others.

    The error of the clean latent can be compared whatever the denoiser predicts, and however its
    errors were weighted in training; one that is smaller for train images says that these are
    being memorised.

    Args:
        benchmark: The classes.
        train_latents: What the denoiser was trained on.
        test_latents: What it was not trained on.
        denoiser: Has its weights rounded as they are stored.
        denoiser_config: Says what it predicts.
        diffusion: How it is run; without guidance here.

    Returns:
        Mean squared errors of latents, `train_error` and `test_error`, over all levels; a line for
        each level: timestep, train_error, test_error.
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
