"""Judging a prior: do its samples look like their classes to a network trained on real images?"""

from __future__ import annotations

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
from mgd3_kedro.checks import check_choice, check_count, check_range, lookup
from mgd3_kedro.devices import reproducible, resolve_device
from mgd3_kedro.evaluation import NETWORKS, EvaluationConfig, LabelledSet, train_network
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.evaluation.scores import score
from mgd3_kedro.evaluation.settings import TRAINED_IN
from mgd3_kedro.figures import draw_contact_sheet
from mgd3_kedro.pipelines.pretrain.images import as_shipped, real_images
from mgd3_kedro.records import Benchmark
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.denoiser import DenoiserConfig
from mgd3_kedro.training.loop import Trained

SHEET_COLUMNS = 20
SET_OVER = ("epochs", "batch_size", "crop_min_scale", "precision")
"""Settings of the judge's training that are those of evaluations where they are None."""


@dataclass(frozen=True)
class JudgeConfig:
    """How samples of a prior are drawn and judged.

    The judge is trained by the hard-label protocol without mixing, and with the settings of
    evaluations where it has none of its own.

    Args:
        samples_per_class: Samples judged.
        guidance_scale: Of classifier-free guidance.
        network: A name of `NETWORKS`.
        epoch_scale: Length of its training, as a share of the protocol's epochs.
        epochs: Length that replaces this share; None for the share.
        learning_rate: Of its training.
        batch_size: None: that of evaluations.
        image_size: Side in pixels that images are brought to for it, which selects its stem; None:
            224, or theirs if smaller.
        crop_min_scale: Smallest share of the area a random crop keeps; None: that of evaluations.
        precision: None: that of evaluations.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    samples_per_class: int
    guidance_scale: float
    network: str
    epoch_scale: float
    epochs: int | None
    learning_rate: float
    batch_size: int | None
    image_size: int | None
    crop_min_scale: float | None
    precision: str | None

    def __post_init__(self) -> None:
        check_count("samples_per_class", self.samples_per_class)
        check_range("guidance_scale", self.guidance_scale, 0)
        lookup(NETWORKS, self.network, "network")
        check_range("epoch_scale", self.epoch_scale, 0, low_open=True)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)
        for name in ("epochs", "batch_size", "image_size"):
            if (value := getattr(self, name)) is not None:
                check_count(name, value)
        if self.crop_min_scale is not None:
            check_range("crop_min_scale", self.crop_min_scale, 0, 1, low_open=True)
        if self.precision is not None:
            check_choice("precision", self.precision, TRAINED_IN)

    def schooling(self, evaluation: EvaluationConfig) -> EvaluationConfig:
        """Return the settings of the judge's training, from those of evaluations.

        Source: ours.
        """
        own = {name: value for name in SET_OVER if (value := getattr(self, name)) is not None}
        return replace(
            evaluation,
            protocol="hard",
            preset="judge",
            presets={"judge": self.epoch_scale},
            learning_rate=self.learning_rate,
            image_size=None,
            cutmix=False,
            validations=1,
            **{"epochs": None, **own},
        )


def draw_latents(
    benchmark: Benchmark,
    denoiser: Trained,
    denoiser_config: DenoiserConfig,
    diffusion: BackboneConfig,
    config: JudgeConfig,
) -> dict[str, torch.Tensor]:
    """Draw unguided samples of every class.

    Args:
        benchmark: The classes.
        denoiser: Draws the samples, with its weights rounded as they are stored.
        denoiser_config: Says what it predicts.
        diffusion: How they are drawn.
        config: Samples per class, and their guidance scale.

    Returns:
        wnid -> scaled latents, (M, C, H, W).

    Source: ours.
    """
    backbone = assemble_backbone(
        DiTDenoiser(as_shipped(denoiser.model)),
        TrainedSchedule(prediction_type=denoiser_config.prediction_type),
        replace(diffusion, guidance_scale=config.guidance_scale),
    )
    count = config.samples_per_class
    plain = SamplingConfig("noise", 1.0, 0.0, "constant", 0, None)
    latents = {}
    for spec in benchmark.classes:
        nowhere = torch.zeros(count, *backbone.latent_shape)
        generators = [image_generator(0, spec.class_index, image) for image in range(count)]
        latents[spec.wnid] = denoise(backbone, nowhere, [spec] * count, plain, generators)
    return latents


def judge_samples(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    test_images: Mapping[str, Partition],
    autoencoder: Trained,
    sample_latents: Mapping[str, torch.Tensor],
    evaluation: EvaluationConfig,
    config: JudgeConfig,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Have a network trained on the real train split name the class of samples.

    Args:
        benchmark: Classes and image size.
        train_images: wnid -> images (N, 3, H, W), uint8.
        test_images: The same of the test split.
        autoencoder: Decodes the samples.
        sample_latents: wnid -> scaled latents, (M, C, H, W).
        evaluation: What the judge's training is set to where it has no settings of its own.
        config: The judge, and its training.

    Returns:
        In percent, which share is named by its class: `samples_recognised` of the samples, and
        what that is to be read by, `test_recognised` of real test images and
        `reconstructed_recognised` of these after the autoencoder; samples of each class for a look.

    Source: ours.
    """
    decoder = LatentAutoencoder(as_shipped(autoencoder.model), benchmark.image_size)
    samples = {wnid: decoder.decode(latents) for wnid, latents in sample_latents.items()}
    schooling = config.schooling(evaluation)
    size = config.image_size or schooling.side_of(benchmark.image_size)
    result = train_network(
        _fitted(real_images(benchmark, train_images), size),
        _fitted(real_images(benchmark, test_images), size),
        network=config.network,
        ipc=max(train_images[wnid].count for wnid in benchmark.wnids),
        config=schooling,
        seed=0,
    )
    device = resolve_device(schooling.device)
    reconstructed = {
        wnid: decoder.decode(decoder.encode(partition.load()[:]))
        for wnid, partition in test_images.items()
    }
    judge = Passes(result.network, schooling.number_format, device)

    def recognise(images: Mapping[str, torch.Tensor]) -> float:
        of_classes = LabelledSet.of_classes([images[wnid] for wnid in benchmark.wnids])
        shown = _fitted(of_classes, size).to(device)
        with reproducible(schooling.threads):
            return score(judge.classify(shown.images), shown.labels).top1

    metrics = {
        "samples_recognised": recognise(samples),
        "reconstructed_recognised": recognise(reconstructed),
        "test_recognised": result.top1_last,
    }
    shown = {wnid: of_class.permute(0, 2, 3, 1).numpy() for wnid, of_class in samples.items()}
    return metrics, shown


def _fitted(shown: LabelledSet, size: int) -> LabelledSet:
    return replace(shown, images=fit_images(shown.images, size, size))


def draw_samples(benchmark: Benchmark, samples: dict[str, Any], config: JudgeConfig) -> Image:
    """Draw the first samples of every class.

    Source: ours.
    """
    first = {wnid: images[:SHEET_COLUMNS] for wnid, images in samples.items()}
    names = {spec.wnid: spec.class_name for spec in benchmark.classes}
    return draw_contact_sheet(first, names, title=f"guidance scale {config.guidance_scale:g}")
