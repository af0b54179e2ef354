"""Nodes that analyse distilled images in latent space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.figures import draw_interactive_latent_plane, draw_latent_plane
from mgd3_kedro.metrics import (
    METRICS,
    SAMPLE_SCORES,
    SCORES,
    Neighbourhoods,
    ProjectionConfig,
    project_jointly,
)
from mgd3_kedro.records import Benchmark
from mgd3_kedro.stages import LoadedTask, Made, Partition, Stage, Task

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

SHOWN_CLASSES = 10


@dataclass(frozen=True)
class Analysis:
    """Settings of the stage."""

    method: str
    image_size: int
    config: ProjectionConfig
    autoencoder: AutoencoderConfig


def analyze_images(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    latents: Mapping[str, Partition],
    prior: Partition,
    method: str,
    config: ProjectionConfig,
    autoencoder: AutoencoderConfig,
) -> Stage:
    """Plan the analysis of every class.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, of any size.
        latents: wnid -> latents of the real images (N, C, h, w), scaled.
        prior: The weights, whose autoencoder gives the features.
        method: What made the images.
        config: Settings of t-SNE.
        autoencoder: How the images are encoded.

    Returns:
        wnid -> scores and the positions of real and synthetic samples in the plane.

    Source: MGD3 (arXiv 2505.18963), section 4.3.
    """
    tasks = {
        spec.wnid: Task((evaluated_images[spec.wnid], latents[spec.wnid], prior), asdict(spec))
        for spec in benchmark.classes
    }
    settings = Analysis(method, benchmark.image_size, config, autoencoder)
    return Stage(analyze_classes, tasks, settings)


def analyze_classes(batch: Mapping[str, LoadedTask], settings: Analysis) -> dict[str, Made]:
    """Score some classes in latent space and in the plane of t-SNE.

    Source: MGD3 (arXiv 2505.18963), section 4.3.
    """
    made = {}
    for wnid, task in batch.items():
        images, stored, model = task.inputs
        autoencoder = load_autoencoder(model, settings.autoencoder)
        real = stored["latents"].flatten(1).numpy()
        size = settings.image_size
        synthetic = autoencoder.encode(fit_images(images, size, size)).flatten(1).numpy()
        real_plane, planes = project_jointly(
            real,
            {settings.method: synthetic},
            settings.config,
        )
        plane = planes[settings.method]
        samples = Neighbourhoods(real, synthetic)
        in_plane = Neighbourhoods(real_plane, plane)
        scores = {name: measure(samples) for name, measure in METRICS.items()}
        of_images: dict[str, list[Any]] = {"image": list(range(len(images)))}
        for name, score in SAMPLE_SCORES.items():
            scores[f"{name}_in_plane"] = METRICS[name](in_plane)
            of_images[name] = score(real, synthetic).tolist()
            of_images[f"{name}_in_plane"] = score(real_plane, plane).tolist()
        about = {"wnid": wnid, "class_name": task.about["class_name"]}
        value = {
            "scores": {**about, **scores},
            "samples": {**about, **of_images},
            "real": real_plane.tolist(),
            "synthetic": plane.tolist(),
        }
        made[wnid] = Made(value, len(images))
    return made


def collect_scores(
    analysis: Mapping[str, Partition], method: str, variant: str, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the scores of all classes into tables.

    Args:
        analysis: wnid -> scores.
        method: What made the images.
        variant: What is appended to its folder.
        seed: Of the data set.

    Returns:
        One row per class; one per image, numbered within its class, with those scores that an
        image has.

    Source: ours.
    """
    run = {"method": method, "variant": variant, "seed": seed}
    values = [partition.load() for partition in analysis.values()]
    classes = pd.DataFrame([{**run, **value["scores"]} for value in values])
    images = [pd.DataFrame({**run, **value["samples"]}) for value in values]
    return classes, pd.concat(images, ignore_index=True)


def measure_diversity(diversity_scores: pd.DataFrame) -> dict[str, float]:
    """Return every score per class, and its mean over classes where it is defined.

    Source: MGD3 (arXiv 2505.18963), Table 9.
    """
    numbers = diversity_scores.set_index("wnid")[list(SCORES)]
    measured = {f"mean/{name}": float(np.nanmean(numbers[name])) for name in _known(numbers)}
    for wnid, row in numbers.iterrows():
        measured |= {f"{wnid}/{name}": float(row[name]) for name in _known(numbers)}
    return measured


def draw_planes(analysis: Mapping[str, Partition], method: str) -> tuple[Figure, go.Figure]:
    """Draw real and synthetic samples of the first classes in their planes.

    Returns:
        The picture, and its interactive form.

    Source: MGD3 (arXiv 2505.18963), Figure 3.
    """
    planes: dict[str, Any] = {}
    for partition in list(analysis.values())[:SHOWN_CLASSES]:
        value = partition.load()
        shown = (np.asarray(value["real"]), {method: np.asarray(value["synthetic"])})
        planes[value["scores"]["class_name"]] = shown
    return draw_latent_plane(planes), draw_interactive_latent_plane(planes)


def _known(numbers: pd.DataFrame) -> list[str]:
    """Scores that are defined for every class; with one image per class, some are not."""
    return [str(name) for name in numbers if numbers[name].notna().all()]
