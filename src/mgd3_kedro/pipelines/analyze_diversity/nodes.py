"""Nodes that analyse distilled images in latent space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from mgd3_kedro.backbones import AutoencoderConfig
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checks import naming
from mgd3_kedro.figures import draw_interactive_latent_plane, draw_latent_plane
from mgd3_kedro.figures.labels import note_selection, title_images
from mgd3_kedro.metrics import (
    METRICS,
    SAMPLE_SCORES,
    AnalysisConfig,
    Neighbourhoods,
    project_jointly,
    score_names,
)
from mgd3_kedro.metrics.analysis import DRAWN_CLASSES
from mgd3_kedro.pipelines.analyze_diversity.features import (
    REAL_FEATURES,
    SYNTHETIC_FEATURES,
    FeatureSettings,
)
from mgd3_kedro.pipelines.analyze_diversity.radii import measure_latents, measure_pixels
from mgd3_kedro.stages import Made, Partition, Stage, Task

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Analysis:
    """Settings of the stage: features, and analysis."""

    seeing: FeatureSettings
    config: AnalysisConfig


def analyze_latents(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    radii: Mapping[str, Partition],
    latents: Mapping[str, Partition],
    prior: Partition,
    config: AnalysisConfig,
    autoencoder: AutoencoderConfig,
) -> Stage:
    """Plan the analysis of every class in latent space.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, of any size.
        radii: wnid -> radii of the balls around the real images, (N,).
        latents: wnid -> latents of the real images (N, C, h, w), scaled.
        prior: Weights of the model; its autoencoder computes the features.
        config: The classes with a t-SNE plane, and settings of t-SNE.
        autoencoder: Configuration of the autoencoder.

    Returns:
        wnid -> scores and, if the class has a plane, the positions of real and synthetic samples
        in it.

    Source: MGD3 (arXiv 2505.18963), section 4.3.
    """
    further = {wnid: {"real": latents[wnid], "prior": prior} for wnid in benchmark.wnids}
    seeing = FeatureSettings("latents", benchmark.image_size, autoencoder)
    return _plan(benchmark, evaluated_images, radii, further, Analysis(seeing, config))


def analyze_pixels(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    radii: Mapping[str, Partition],
    train_images: Mapping[str, Partition],
    config: AnalysisConfig,
) -> Stage:
    """Plan the analysis of every class in pixel space, for runs without an autoencoder.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8, of any size.
        radii: wnid -> radii of the balls around the real images, (N,).
        train_images: wnid -> images (N, 3, S, S), uint8.
        config: The classes with a t-SNE plane, and settings of t-SNE.

    Returns:
        wnid -> scores and, if the class has a plane, the positions of real and synthetic samples
        in it.
    """
    further = {wnid: {"real": train_images[wnid]} for wnid in benchmark.wnids}
    seeing = FeatureSettings("pixels", benchmark.image_size, None)
    return _plan(benchmark, evaluated_images, radii, further, Analysis(seeing, config))


def _plan(
    benchmark: Benchmark,
    images: Mapping[str, Partition],
    radii: Mapping[str, Partition],
    further: Mapping[str, Mapping[str, Partition]],
    settings: Analysis,
) -> Stage:
    tasks = {
        spec.wnid: Task(
            {"images": images[spec.wnid], "radii": radii[spec.wnid], **further[spec.wnid]},
            {**asdict(spec), "has_plane": settings.config.places(spec.label)},
        )
        for spec in benchmark.classes
    }
    return Stage(analyze_classes, tasks, settings)


def analyze_classes(batch: Mapping[str, Task], settings: Analysis) -> dict[str, Made]:
    """Score some classes in feature space, and also in the t-SNE plane of classes that have one.

    Source: MGD3 (arXiv 2505.18963), section 4.3.
    """
    made = {}
    seeing = settings.seeing
    for wnid, task in batch.items():
        with naming(f"class {wnid}"):
            real = REAL_FEATURES[seeing.features](task, seeing)
            synthetic = SYNTHETIC_FEATURES[seeing.features](task, seeing)
            samples = Neighbourhoods(
                real, synthetic, real_radii=task.inputs["radii"]["radii"].numpy()
            )
        scores = {name: measure(samples) for name, measure in METRICS.items()}
        of_images: dict[str, list[Any]] = {"image": list(range(len(synthetic)))}
        for name, score in SAMPLE_SCORES.items():
            of_images[name] = score(real, synthetic).tolist()
        places = {}
        if task.about["has_plane"]:
            real_plane, planes = project_jointly(real, {SYNTHETIC: synthetic}, settings.config)
            plane = planes[SYNTHETIC]
            in_plane = Neighbourhoods(real_plane, plane)
            for name, score in SAMPLE_SCORES.items():
                scores[f"{name}_in_plane"] = METRICS[name](in_plane)
                of_images[f"{name}_in_plane"] = score(real_plane, plane).tolist()
            places = {"real": real_plane.tolist(), "synthetic": plane.tolist()}
        about = {
            "wnid": wnid,
            "class_name": task.about["class_name"],
            "features": seeing.features,
        }
        value = {"scores": {**about, **scores}, "samples": {**about, **of_images}, **places}
        made[wnid] = Made(value, len(synthetic))
    return made


def collect_scores(
    analysis: Mapping[str, Partition], settings: str, method: str, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Collect the scores of all classes in tables.

    Args:
        analysis: wnid -> scores.
        settings: Settings that differ from the environment's, as `name=value` words.
        method: Name of the method that made the images.
        seed: Seed of the data set.

    Returns:
        A table with one row per class, and a table with one row per image: its number within the
        class and the scores of single images.
    """
    run = {"method": method, "settings": settings, "seed": seed}
    values = [partition.load() for partition in analysis.values()]
    classes = pd.DataFrame([{**run, **value["scores"]} for value in values])
    images = [pd.DataFrame({**run, **value["samples"]}) for value in values]
    return classes, pd.concat(images, ignore_index=True)


def measure_diversity(diversity_scores: pd.DataFrame) -> dict[str, float]:
    """Return the mean over classes of every score that is defined for all classes.

    Args:
        diversity_scores: One row per class.

    Source: MGD3 (arXiv 2505.18963), Table 9.
    """
    numbers = diversity_scores[list(score_names())]
    return {f"mean/{name}": float(np.nanmean(numbers[name])) for name in _known(numbers)}


def draw_planes(
    analysis: Mapping[str, Partition], benchmark: str, method: str, ipc: int, seed: int
) -> tuple[Figure, go.Figure]:
    """Draw the t-SNE planes of the first classes, with real and synthetic samples.

    Args:
        analysis: wnid -> positions in the plane.
        benchmark: Name of the benchmark.
        method: Name of the method that made the images.
        ipc: Images per class.
        seed: Seed of the data set.

    Returns:
        The figure, and its interactive version.

    Source: MGD3 (arXiv 2505.18963), Figure 3.
    """
    planes: dict[str, Any] = {}
    for partition in list(analysis.values())[:DRAWN_CLASSES]:
        value = partition.load()
        shown = (np.asarray(value["real"]), {method: np.asarray(value["synthetic"])})
        planes[value["scores"]["class_name"]] = shown
    title = title_images(benchmark, ipc, method, [seed])
    if selection := note_selection(DRAWN_CLASSES, len(analysis), "classes"):
        title = f"{title}: {selection}"
    return (
        draw_latent_plane(planes, title=title),
        draw_interactive_latent_plane(planes, title=title),
    )


def _known(numbers: pd.DataFrame) -> list[str]:
    """Return the scores that are defined for every class; some need two images per class."""
    return [str(name) for name in numbers if numbers[name].notna().all()]


class FeatureSpace(NamedTuple):
    """A feature space, and the nodes that work in it.

    Args:
        measure: Node that measures the radii of the real images.
        analyze: Node that compares synthetic with real images.
        real: Catalog entry of the real images or latents.
        further: Other catalog entries that `analyze` reads.
        parameters: Parameters that `analyze` reads.
    """

    measure: Callable[..., Stage]
    analyze: Callable[..., Stage]
    real: str
    further: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


FEATURE_SPACES: dict[str, FeatureSpace] = {
    "latents": FeatureSpace(
        measure_latents, analyze_latents, "latents", ("prior",), ("params:autoencoder",)
    ),
    "pixels": FeatureSpace(measure_pixels, analyze_pixels, "train_images"),
}
"""Name of the features -> feature space."""
