"""Nodes that train a prior."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL.Image import Image

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.backbones.autoencoder import (
    LatentAutoencoder,
    peak_signal_to_noise,
    pixels_to_unit,
)
from mgd3_kedro.backbones.dit import DiTBackbone
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.devices import resolve_device
from mgd3_kedro.evaluation import NETWORKS, EvaluationConfig, train_network
from mgd3_kedro.figures import draw_contact_sheet
from mgd3_kedro.pipelines.pretrain.card import Part, write_card
from mgd3_kedro.records import Benchmark, Partition, check_range, lookup
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator
from mgd3_kedro.training.autoencoder import (
    AutoencoderConfig,
    autoencoder_loss,
    build_autoencoder,
)
from mgd3_kedro.training.denoiser import DenoiserConfig, build_denoiser, denoiser_loss
from mgd3_kedro.training.loop import Trained, train

SHEET_COLUMNS = 20


@dataclass(frozen=True)
class JudgeConfig:
    """How samples of a prior are judged.

    Args:
        samples_per_class: Samples judged.
        guidance_scale: Of classifier-free guidance.
        network: A name of `NETWORKS`.
        epoch_scale: Length of its training, as a share of the protocol's epochs.
        learning_rate: Of its training.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    samples_per_class: int
    guidance_scale: float
    network: str
    epoch_scale: float
    learning_rate: float

    def __post_init__(self) -> None:
        check_range("samples_per_class", self.samples_per_class, 1)
        check_range("guidance_scale", self.guidance_scale, 0)
        lookup(NETWORKS, self.network, "network")
        check_range("epoch_scale", self.epoch_scale, 0, low_open=True)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)


def train_autoencoder(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    checkpoints: Path,
    config: AutoencoderConfig,
    device: str,
) -> tuple[Trained, pd.DataFrame]:
    """Train the autoencoder on the train split and scale its latents to unit variance.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        checkpoints: Folder for interrupted trainings.
        config: Size and length of training.
        device: Where to train.

    Returns:
        The trained autoencoder, and its loss curve.

    Source: latent diffusion (arXiv 2112.10752), section 3.1.
    """
    where = resolve_device(device)
    images, _ = _stack(benchmark, train_images)
    trained = train(
        build_autoencoder(config, benchmark.image_size),
        autoencoder_loss(pixels_to_unit(images).to(where), config),
        len(images),
        config,
        checkpoint=checkpoints / "autoencoder.ckpt",
        identity=_identity(config, train_images),
        device=where,
    )
    vae: Any = trained.model
    vae.register_to_config(scaling_factor=1.0)
    unscaled = LatentAutoencoder(vae).encode(images)
    vae.register_to_config(scaling_factor=1 / float(unscaled.std()))
    return trained, pd.DataFrame(trained.curve)


def train_denoiser(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    autoencoder: Trained,
    checkpoints: Path,
    config: DenoiserConfig,
    device: str,
) -> tuple[Trained, pd.DataFrame]:
    """Train the denoiser on the latents of the train split.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        autoencoder: Gives the latents.
        checkpoints: Folder for interrupted trainings.
        config: Size and length of training.
        device: Where to train.

    Returns:
        The trained denoiser, and its loss curve.

    Source: DiT (arXiv 2212.09748), section 3.
    """
    where = resolve_device(device)
    images, labels = _stack(benchmark, train_images)
    latents = LatentAutoencoder(autoencoder.model).encode(images)
    channels, height, width = latents.shape[1:]
    class_indices = torch.tensor([spec.class_index for spec in benchmark.classes])[labels]
    num_classes = int(class_indices.max()) + 1
    trained = train(
        build_denoiser(config, (channels, height, width), num_classes),
        denoiser_loss(latents.to(where), class_indices, config, num_classes),
        len(latents),
        config,
        checkpoint=checkpoints / "denoiser.ckpt",
        identity=_identity(config, train_images, str(autoencoder.curve)),
        device=where,
    )
    return trained, pd.DataFrame(trained.curve)


def measure_reconstruction(
    benchmark: Benchmark, train_images: Mapping[str, Partition], autoencoder: Trained
) -> dict[str, float]:
    """Measure how well the autoencoder reconstructs its own train split.

    Source: ours.
    """
    images, _ = _stack(benchmark, train_images)
    model = LatentAutoencoder(_as_shipped(autoencoder.model))
    return {"psnr": peak_signal_to_noise(images, model.decode(model.encode(images)))}


def judge_samples(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    autoencoder: Trained,
    denoiser: Trained,
    diffusion: BackboneConfig,
    evaluation: EvaluationConfig,
    config: JudgeConfig,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Have a network trained on the real train split name the class of unguided samples.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        autoencoder: Decodes the samples.
        denoiser: Draws the samples.
        diffusion: How they are drawn.
        evaluation: Augmentation and batch size of the network's training.
        config: Samples per class, their guidance scale, and the network's training.

    Returns:
        Share of samples named by their class, percent; samples of each class for a look.

    Source: ours.
    """
    backbone = DiTBackbone(
        _as_shipped(denoiser.model),
        LatentAutoencoder(_as_shipped(autoencoder.model)),
        respaced_schedule(diffusion.num_inference_steps),
        replace(diffusion, guidance_scale=config.guidance_scale),
    )
    count = config.samples_per_class
    plain = SamplingConfig("noise", 1.0, 0.0, 0)
    samples = {}
    for spec in benchmark.classes:
        nowhere = torch.zeros(count, *backbone.latent_shape)
        generators = [image_generator(0, spec.class_index, image) for image in range(count)]
        classes = torch.full((count,), spec.class_index)
        latents = denoise(backbone, nowhere, classes, plain, generators)
        samples[spec.wnid] = backbone.autoencoder.decode(latents)
    images, labels = _stack(benchmark, train_images)
    protocol = replace(
        evaluation,
        preset="judge",
        presets={"judge": config.epoch_scale},
        learning_rate=config.learning_rate,
        cutmix=False,
        validations=1,
    )
    result = train_network(
        images,
        labels,
        torch.cat(list(samples.values())),
        torch.arange(len(samples)).repeat_interleave(count),
        network=config.network,
        num_classes=len(samples),
        ipc=len(images) // len(samples),
        config=protocol,
        seed=0,
    )
    shown = {wnid: of_class.permute(0, 2, 3, 1).numpy() for wnid, of_class in samples.items()}
    return {"samples_recognised": result.top1_last}, shown


def draw_samples(benchmark: Benchmark, samples: dict[str, Any], config: JudgeConfig) -> Image:
    """Draw the first samples of every class.

    Source: ours.
    """
    first = {wnid: images[:SHEET_COLUMNS] for wnid, images in samples.items()}
    names = {spec.wnid: spec.class_name for spec in benchmark.classes}
    return draw_contact_sheet(first, names, title=f"guidance scale {config.guidance_scale:g}")


def assemble_prior(
    benchmark: Benchmark,
    autoencoder: Trained,
    denoiser: Trained,
    autoencoder_config: AutoencoderConfig,
    denoiser_config: DenoiserConfig,
    reconstruction: dict[str, float],
    judged: dict[str, float],
    judge: JudgeConfig,
) -> dict[str, Any]:
    """Put both models into one pipeline folder as half precision, with a card and loss curves.

    Half precision halves the download; what is measured is measured on the rounded weights.

    Source: ours.
    """
    from diffusers import DDPMScheduler, DiTPipeline

    scheduler = DDPMScheduler(
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        clip_sample=False,
        timestep_spacing="linspace",
    )
    pipeline = DiTPipeline(
        transformer=copy.deepcopy(denoiser.model).half(),
        vae=copy.deepcopy(autoencoder.model).half(),
        scheduler=scheduler,
    )
    parts = {
        "autoencoder": Part(autoencoder, autoencoder_config),
        "denoiser": Part(denoiser, denoiser_config),
    }
    recognised = (
        f"{judged['samples_recognised']:.1f} % of {judge.samples_per_class} samples per class at "
        f"guidance scale {judge.guidance_scale:g} are named by their class by a {judge.network} "
        "trained on the real train split"
    )
    psnr = f"reconstruction of the train split: {reconstruction['psnr']:.1f} dB PSNR"
    return {"pipeline": pipeline, **write_card(benchmark, parts, (psnr, recognised))}


def _as_shipped(model: torch.nn.Module) -> Any:
    """Return a copy with the weights rounded as they are stored."""
    return copy.deepcopy(model).half().float()


def _stack(
    benchmark: Benchmark, partitions: Mapping[str, Partition]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all images (N, 3, H, W) and labels (N,), classes in label order."""
    images = [partitions[wnid].load() for wnid in benchmark.wnids]
    labels = [torch.full((len(of_class),), label) for label, of_class in enumerate(images)]
    return torch.cat(images), torch.cat(labels)


def _identity(config: object, images: Mapping[str, Partition], *more: str) -> str:
    return repr((config, [partition.fingerprint for partition in images.values()], more))
