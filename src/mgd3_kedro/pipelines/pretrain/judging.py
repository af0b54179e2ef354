"""Judgement of a prior: a network trained on real images classifies its samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from PIL.Image import Image

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.figures import draw_contact_sheet
from mgd3_kedro.figures.labels import note_selection
from mgd3_kedro.pipelines.pretrain.images import as_shipped
from mgd3_kedro.pipelines.pretrain.judge import Judge
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.loop import Trained

SHEET_COLUMNS = 20


def judge_samples(
    benchmark: Benchmark,
    test_images: Mapping[str, Partition],
    autoencoder: Trained,
    sample_latents: Mapping[str, torch.Tensor],
    judge: Judge,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Classify samples with the judge, a network trained on the real train split.

    Args:
        benchmark: Classes and image size.
        test_images: wnid -> images of the test split (N, 3, H, W), uint8.
        autoencoder: Autoencoder of the prior.
        sample_latents: wnid -> scaled latents, (M, C, H, W).
        judge: The judge.

    Returns:
        Top-1 accuracies in percent: `samples_recognised` on the samples and, for comparison,
        `test_recognised` on real test images and `reconstructed_recognised` on their
        reconstructions; the decoded samples, wnid -> (M, H, W, 3), uint8.
    """
    decoder = LatentAutoencoder(as_shipped(autoencoder.model), benchmark.image_size)
    samples = {wnid: decoder.decode(latents) for wnid, latents in sample_latents.items()}
    reconstructed = {
        wnid: decoder.decode(decoder.encode(partition.load()[:]))
        for wnid, partition in test_images.items()
    }
    metrics = {
        "samples_recognised": judge.recognise(samples, benchmark),
        "reconstructed_recognised": judge.recognise(reconstructed, benchmark),
        "test_recognised": judge.test_recognised,
    }
    shown = {wnid: of_class.permute(0, 2, 3, 1).numpy() for wnid, of_class in samples.items()}
    return metrics, shown


def draw_samples(
    benchmark: Benchmark, samples: dict[str, Any], sampling_defaults: Mapping[str, float]
) -> Image:
    """Draw a contact sheet of the first samples of every class, titled with the guidance scale."""
    first = {wnid: images[:SHEET_COLUMNS] for wnid, images in samples.items()}
    names = {spec.wnid: spec.class_name for spec in benchmark.classes}
    title = f"prior of {benchmark.name}, guidance scale {sampling_defaults['guidance_scale']:g}"
    most = max(len(images) for images in samples.values())
    selection = note_selection(SHEET_COLUMNS, most, "samples of a class")
    return draw_contact_sheet(first, names, title=f"{title}: {selection}" if selection else title)
