"""Measurements of a prior: reconstruction and memorisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, peak_signal_to_noise
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.figures import draw_nearest
from mgd3_kedro.metrics import compare_nearest, measure_nearest, prefer_training
from mgd3_kedro.pipelines.pretrain.images import as_shipped, real_images
from mgd3_kedro.pipelines.pretrain.latents import EncodedImages
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.loop import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all"
"""Name of the table's line for all classes together."""
SETS = ("samples", "unseen", "samples_to_unseen")


def measure_reconstruction(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    test_images: Mapping[str, Partition],
    autoencoder: Trained,
) -> dict[str, float]:
    """Measure the reconstruction of train and test images by the autoencoder.

    Returns:
        `psnr_train` and `psnr_test`, means over images, in dB.
    """
    model = LatentAutoencoder(as_shipped(autoencoder.model), benchmark.image_size)
    measured = {}
    for name, split in (("psnr_train", train_images), ("psnr_test", test_images)):
        images = real_images(benchmark, split).images
        measured[name] = peak_signal_to_noise(images, model.decode(model.encode(images)))
    return measured


def measure_memorisation(
    benchmark: Benchmark,
    train_latents: EncodedImages,
    test_latents: EncodedImages,
    sample_latents: Mapping[str, torch.Tensor],
) -> tuple[dict[str, float], pd.DataFrame, Figure]:
    """Measure whether samples are nearer to training images of their class than test images are.

    Distances are Euclidean, between scaled latents. If the denoiser was trained on mirrored images,
    these count as training images.

    Args:
        benchmark: The classes.
        train_latents: Latents that the denoiser was trained on.
        test_latents: Latents that it was not trained on.
        sample_latents: wnid -> samples of the denoiser, (M, C, H, W), scaled.

    Returns:
        Metrics over all classes; a table of the same metrics with one row per class and a last row
        "all"; a figure of both distributions of distances.

    Source: arXiv 2004.05675, classes as cells.
    """
    distances: list[dict[str, NDArray[np.float64]]] = []
    counts, lines = [], []
    for label, spec in enumerate(benchmark.classes):
        train, test = train_latents.features_of(label), test_latents.features_of(label)
        drawn = sample_latents[spec.wnid].flatten(1).numpy()
        straight = test_latents.latents[test_latents.labels == label].flatten(1).numpy()
        pairs = ((drawn, train), (straight, train), (drawn, test))
        measured = [measure_nearest(queries, references) for queries, references in pairs]
        distances.append(dict(zip(SETS, measured, strict=True)))
        counts.append((len(train), len(test)))
        lines.append({"wnid": spec.wnid, "class_name": spec.class_name})
    together = {name: np.concatenate([of[name] for of in distances]) for name in SETS}
    totals = tuple(sum(of) for of in zip(*counts, strict=True))
    compared = [
        _compare(of, *of_class)
        for of, of_class in zip([*distances, together], [*counts, totals], strict=True)
    ]
    lines.append({"wnid": ALL, "class_name": ""})
    table = pd.DataFrame([line | of for line, of in zip(lines, compared, strict=True)])
    figure = draw_nearest(together["samples"], together["unseen"], title=benchmark.name)
    return compared[-1], table, figure


def _compare(
    distances: Mapping[str, NDArray[np.float64]], training: int, unseen: int
) -> dict[str, float]:
    samples, others, to_unseen = (distances[name] for name in SETS)
    return {
        "samples": len(samples),
        "unseen": len(others),
        **compare_nearest(samples, others),
        **prefer_training(samples, to_unseen, training, unseen),
    }
