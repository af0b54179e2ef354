"""What is measured of a prior: reconstruction, and whether its samples are copies."""

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
"""What the line of the table that is about all classes together is called."""
SETS = ("samples", "unseen", "samples_to_unseen")


def measure_reconstruction(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    test_images: Mapping[str, Partition],
    autoencoder: Trained,
) -> dict[str, float]:
    """Measure how well the autoencoder reconstructs what it was trained on, and what it was not.

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

    Distances are Euclidean, between scaled latents; where the denoiser saw mirrored images, these
    are training images too.

    Args:
        benchmark: The classes.
        train_latents: What the denoiser was trained on.
        test_latents: What it was not trained on.
        sample_latents: wnid -> samples of the denoiser, (M, C, H, W), scaled.

    Returns:
        What is true of all classes together; the same for every class, a line each and one that
        is called "all"; a figure of both distributions.

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
