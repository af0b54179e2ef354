"""Samples of a newly trained prior, without mode guidance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.backbones.diffusion import assemble_backbone
from mgd3_kedro.backbones.dit import DiTDenoiser
from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.pipelines.pretrain.images import as_shipped
from mgd3_kedro.pipelines.pretrain.judge import JudgeConfig
from mgd3_kedro.sampling import Batches, SamplingConfig, denoise, image_generator
from mgd3_kedro.training.denoiser import DenoiserConfig
from mgd3_kedro.training.loop import Trained


def sample_without_modes(
    benchmark: Benchmark,
    denoiser: Trained,
    denoiser_config: DenoiserConfig,
    diffusion: BackboneConfig,
    count: int,
) -> dict[str, torch.Tensor]:
    """Sample every class without mode guidance.

    Args:
        benchmark: The classes.
        denoiser: The denoiser; its weights are rounded to the stored precision here.
        denoiser_config: Configuration of the denoiser, with its prediction type.
        diffusion: Configuration of sampling.
        count: Number of samples per class, M.

    Returns:
        wnid -> scaled latents, (M, C, H, W).
    """
    backbone = assemble_backbone(
        DiTDenoiser(as_shipped(denoiser.model, diffusion.precision)),
        TrainedSchedule(prediction_type=denoiser_config.prediction_type),
        diffusion,
    )
    plain = SamplingConfig("noise", 1.0, 0.0, "constant", 0, None)

    def draw(spec: ClassSpec, part: slice) -> torch.Tensor:
        numbers = range(count)[part]
        nowhere = torch.zeros(len(numbers), *backbone.latent_shape)
        generators = [image_generator(0, spec.class_index, number) for number in numbers]
        return denoise(backbone, nowhere, [spec] * len(numbers), plain, generators)

    batches = Batches(diffusion.max_batch)
    return {spec.wnid: batches.run(partial(draw, spec), count) for spec in benchmark.classes}


def draw_latents(
    benchmark: Benchmark,
    denoiser: Trained,
    denoiser_config: DenoiserConfig,
    diffusion: BackboneConfig,
    sampling_defaults: Mapping[str, Any],
    config: JudgeConfig,
) -> dict[str, torch.Tensor]:
    """Sample every class without mode guidance, for the judge.

    Args:
        benchmark: The classes.
        denoiser: The denoiser.
        denoiser_config: Configuration of the denoiser, with its prediction type.
        diffusion: Configuration of sampling.
        sampling_defaults: Settings that were tuned for this prior; they override `diffusion`.
        config: Configuration of the judge, with the number of samples per class.

    Returns:
        wnid -> scaled latents, (M, C, H, W).
    """
    chosen = replace(diffusion, **sampling_defaults)
    return sample_without_modes(
        benchmark, denoiser, denoiser_config, chosen, config.samples_per_class
    )
