"""Judging a prior: do its samples look like their classes to a network trained on real images?"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL.Image import Image

from mgd3_kedro.backbones import BackboneConfig
from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.backbones.diffusion import assemble_backbone
from mgd3_kedro.backbones.dit import DiTDenoiser
from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.evaluation import NETWORKS, EvaluationConfig, LabelledSet, train_network
from mgd3_kedro.figures import draw_contact_sheet
from mgd3_kedro.records import Benchmark
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.loop import Trained

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
        check_count("samples_per_class", self.samples_per_class)
        check_range("guidance_scale", self.guidance_scale, 0)
        lookup(NETWORKS, self.network, "network")
        check_range("epoch_scale", self.epoch_scale, 0, low_open=True)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)


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
    backbone = assemble_backbone(
        DiTDenoiser(as_shipped(denoiser.model)),
        TrainedSchedule(),
        replace(diffusion, guidance_scale=config.guidance_scale),
    )
    decoder = LatentAutoencoder(as_shipped(autoencoder.model), benchmark.image_size)
    count = config.samples_per_class
    plain = SamplingConfig("noise", 1.0, 0.0, "constant", 0, None)
    samples = {}
    for spec in benchmark.classes:
        nowhere = torch.zeros(count, *backbone.latent_shape)
        generators = [image_generator(0, spec.class_index, image) for image in range(count)]
        latents = denoise(backbone, nowhere, [spec] * count, plain, generators)
        samples[spec.wnid] = decoder.decode(latents)
    protocol = replace(
        evaluation,
        protocol="hard",
        preset="judge",
        presets={"judge": config.epoch_scale},
        epochs=None,
        learning_rate=config.learning_rate,
        cutmix=False,
        validations=1,
    )
    result = train_network(
        real_images(benchmark, train_images),
        LabelledSet.of_classes(list(samples.values())),
        network=config.network,
        ipc=max(train_images[wnid].count for wnid in benchmark.wnids),
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


def as_shipped(model: torch.nn.Module) -> Any:
    """Return a copy with the weights rounded as they are stored, to half precision.

    Source: ours.
    """
    return copy.deepcopy(model).half().float()


def real_images(benchmark: Benchmark, partitions: Mapping[str, Partition]) -> LabelledSet:
    """Return all images of all classes.

    Source: ours.
    """
    return LabelledSet.of_classes([partitions[wnid].load()[:] for wnid in benchmark.wnids])
