"""Nodes that train a prior."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from mgd3_kedro.backbones import AutoencoderConfig
from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.backbones.weights import load_component
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checkpoint import name_checkpoint
from mgd3_kedro.devices import resolve_device
from mgd3_kedro.pipelines.pretrain.card import PriorPart, write_card
from mgd3_kedro.pipelines.pretrain.findings import describe_findings
from mgd3_kedro.pipelines.pretrain.identity import digest_of_model, identity_of
from mgd3_kedro.pipelines.pretrain.images import real_images
from mgd3_kedro.pipelines.pretrain.judge import JudgeConfig
from mgd3_kedro.pipelines.pretrain.latents import EncodedImages, scaling_factor_of
from mgd3_kedro.prior_quality import Quality, verdict_of, write_quality
from mgd3_kedro.priors import CLASSES_FILE, QUALITY_FILE, SAMPLING_FILE, describe_classes
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.autoencoder import (
    AutoencoderTrainingConfig,
    autoencoder_loss,
    build_autoencoder,
)
from mgd3_kedro.training.denoiser import DenoiserConfig, build_denoiser, denoiser_loss
from mgd3_kedro.training.loop import Trained, train
from mgd3_kedro.training.noise import BETA_END, BETA_START

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 30.0
"""Shortest time between two checkpoints. An interruption loses at most this time, plus the time
between two reports."""


def train_autoencoder(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    checkpoints: Path,
    config: AutoencoderTrainingConfig,
    device: str,
) -> tuple[Trained, pd.DataFrame]:
    """Train the autoencoder on the train split, and set its factor for latents of unit variance.

    A given autoencoder is loaded and not changed.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        checkpoints: Folder of checkpoints, for interrupted trainings.
        config: Configuration of the autoencoder and its training.
        device: Name of the device.

    Returns:
        The trained autoencoder, and its loss curve.

    Source: latent diffusion (arXiv 2112.10752), section 3.1.
    """
    from diffusers import AutoencoderKL

    where = resolve_device(device)
    if config.given:
        placement = AutoencoderConfig("fp32", False, device)
        given = Trained(load_component(AutoencoderKL, Path(config.given), placement))
        return given, pd.DataFrame(given.curve, columns=["step", "loss"])
    images = real_images(benchmark, train_images).images
    identity = identity_of(train_autoencoder, config, train_images)
    trained = train(
        build_autoencoder(config, benchmark.image_size),
        autoencoder_loss(images.to(where), config),
        len(images),
        config,
        checkpoint=name_checkpoint(checkpoints, "autoencoder", identity),
        identity=identity,
        device=where,
        draw_on=where,
        seconds_between=SECONDS_BETWEEN,
        rate_setting="pretrain.autoencoder.learning_rate",
    )
    vae: Any = trained.model
    vae.register_to_config(scaling_factor=1.0)
    unscaled = LatentAutoencoder(vae, benchmark.image_size).encode(images)
    vae.register_to_config(scaling_factor=scaling_factor_of(unscaled))
    return trained, pd.DataFrame(trained.curve)


def train_denoiser(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    train_latents: EncodedImages,
    autoencoder: Trained,
    checkpoints: Path,
    config: DenoiserConfig,
    device: str,
) -> tuple[Trained, pd.DataFrame]:
    """Train the denoiser on the latents of the train split.

    Args:
        benchmark: The classes.
        train_images: wnid -> images of the latents; a checkpoint of other images is ignored.
        train_latents: Latents to train on.
        autoencoder: The autoencoder of the latents; a checkpoint of another autoencoder is ignored.
        checkpoints: Folder of checkpoints, for interrupted trainings.
        config: Configuration of the denoiser and its training.
        device: Name of the device.

    Returns:
        The trained denoiser, and its loss curve.

    Source: DiT (arXiv 2212.09748), section 3.
    """
    where = resolve_device(device)
    latents, mirrored = train_latents.latents, train_latents.mirrored
    channels, height, width = latents.shape[1:]
    of_labels = torch.tensor([spec.class_index for spec in benchmark.classes])
    class_indices = of_labels[train_latents.labels]
    num_classes = int(class_indices.max()) + 1
    latents_of = digest_of_model(autoencoder.model)
    identity = identity_of(train_denoiser, config, train_images, latents_of, of_labels.tolist())
    trained = train(
        build_denoiser(config, (channels, height, width), num_classes),
        denoiser_loss(
            latents.to(where),
            class_indices,
            config,
            num_classes,
            None if mirrored is None else mirrored.to(where),
        ),
        len(latents),
        config,
        checkpoint=name_checkpoint(checkpoints, "denoiser", identity),
        identity=identity,
        device=where,
        draw_on=where,
        seconds_between=SECONDS_BETWEEN,
        rate_setting="pretrain.denoiser.learning_rate",
    )
    return trained, pd.DataFrame(trained.curve)


def assemble_prior(
    benchmark: Benchmark,
    autoencoder: Trained,
    denoiser: Trained,
    autoencoder_config: AutoencoderTrainingConfig,
    denoiser_config: DenoiserConfig,
    reconstruction: dict[str, float],
    denoised: dict[str, float],
    judged: dict[str, float],
    memorised: dict[str, float],
    guidance_tuning: pd.DataFrame,
    sampling_defaults: dict[str, float],
    judge: JudgeConfig,
) -> dict[str, Any]:
    """Return the files of a prior: both models in half precision, a card and loss curves.

    Half precision halves the download; all measurements use the rounded weights. Further files have
    the classes, the default settings of sampling and the quality of the prior.

    Returns:
        "pipeline" -> a `DiTPipeline`; file name -> content.
    """
    from diffusers import DDPMScheduler, DiTPipeline

    scheduler = DDPMScheduler(
        beta_schedule="linear",
        beta_start=BETA_START,
        beta_end=BETA_END,
        clip_sample=False,
        timestep_spacing="linspace",
        prediction_type=denoiser_config.prediction_type,
    )
    pipeline = DiTPipeline(
        transformer=_rounded(denoiser.model),
        vae=_rounded(autoencoder.model),
        scheduler=scheduler,
    )
    given = autoencoder_config.given
    parts = {
        "autoencoder": PriorPart(
            autoencoder, autoencoder_config, Path(given).parent if given else None
        ),
        "denoiser": PriorPart(denoiser, denoiser_config),
    }
    findings = describe_findings(
        reconstruction, denoised, judged, memorised, sampling_defaults, judge
    )
    quality = Quality(
        judged["samples_recognised"],
        judged["reconstructed_recognised"],
        judged["test_recognised"],
        memorised["nearest_percent"],
        len(benchmark.classes),
    )
    verdict = verdict_of(quality)
    logger.info("this prior: %s", verdict)
    return {
        "pipeline": pipeline,
        QUALITY_FILE: write_quality(quality),
        CLASSES_FILE: describe_classes(benchmark.classes),
        SAMPLING_FILE: f"{json.dumps(sampling_defaults, indent=2)}\n",
        **write_card(benchmark, parts, guidance_tuning, (*findings, f"verdict: {verdict}")),
    }


def _rounded(model: Any) -> Any:
    """Return a copy in half precision, without the name of the folder that the model is from."""
    settings = {name: value for name, value in model.config.items() if name != "_name_or_path"}
    copied = type(model).from_config(settings)
    copied.load_state_dict(model.state_dict())
    return copied.half()
