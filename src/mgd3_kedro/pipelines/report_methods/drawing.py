"""Nodes that draw all methods side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checks import lookup
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.figures import (
    draw_cost,
    draw_image_grid,
    draw_interactive_methods_in_plane,
    draw_interactive_trade_off,
    draw_methods_in_plane,
    draw_trade_off,
)
from mgd3_kedro.figures.labels import note_selection, title_images
from mgd3_kedro.matching.mosaics import tile
from mgd3_kedro.stages import Partition, small_images_per_image

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure
    from PIL.Image import Image

Tables = Mapping[str, Callable[[], pd.DataFrame]]
Images = Mapping[str, Callable[[], Mapping[str, Partition]]]

SHOWN_CLASSES = 10


def draw_scores(
    method_scores: pd.DataFrame, runs: Tables, benchmark: str, ipc: int
) -> tuple[Figure, go.Figure]:
    """Draw representativeness against diversity, by class and method.

    Args:
        method_scores: One row per class and method.
        runs: File -> function that loads the scores of images, with their seed.
        benchmark: Name of the benchmark.
        ipc: Images per class.

    Returns:
        The figure, and its interactive version.

    Source: MGD3 (arXiv 2505.18963), Figures 3 and 6.
    """
    seeds = sorted({int(seed) for load in runs.values() for seed in load()["seed"]})
    title = title_images(benchmark, ipc, seeds=seeds)
    return (
        draw_trade_off(method_scores, title=title),
        draw_interactive_trade_off(method_scores, title=title),
    )


def draw_plane(
    methods_in_plane: Mapping[str, Any], benchmark: str, ipc: int, seed: int
) -> tuple[Figure, go.Figure]:
    """Draw the t-SNE plane of a class, with its real images and the images of all methods.

    Args:
        methods_in_plane: The class, and positions of its images, from `place_methods`.
        benchmark: Name of the benchmark.
        ipc: Images per class.
        seed: Seed of the data sets.

    Returns:
        The figure, and its interactive version.

    Source: MGD3 (arXiv 2505.18963), Figure 3.
    """
    real = np.asarray(methods_in_plane["real"])
    about = title_images(benchmark, ipc, seeds=[seed])
    title = f"{about}: {methods_in_plane['class_name']}"
    planes = {name: np.asarray(plane) for name, plane in methods_in_plane["methods"].items()}
    return (
        draw_methods_in_plane(real, planes, title=title),
        draw_interactive_methods_in_plane(real, planes, title=title),
    )


def draw_method_images(
    benchmark: Benchmark,
    images: Images,
    methods: Mapping[str, Any],
    shown_methods: Sequence[str] | None,
    ipc: int,
    seed: int,
) -> Image:
    """Draw the first image of the first classes, one row per method.

    Images are resized to the benchmark's size. Small images of multi-formation are tiled to one
    image.

    Args:
        benchmark: The classes.
        images: method -> function that loads wnid -> images (ipc, 3, H, W), uint8.
        methods: All configured methods.
        shown_methods: Methods with a row, in this order; None for all that have images.
        ipc: Images per class.
        seed: Seed of the data sets.

    Raises:
        ValueError: If no method has images, or if one of `shown_methods` is unknown or has none.

    Source: MGD3 (arXiv 2505.18963), Figure 5.
    """
    classes, size = benchmark.classes[:SHOWN_CLASSES], benchmark.image_size
    loaded = load_images(images, methods, shown_methods)
    rows = [
        [tile_images(of[spec.wnid], size, most=1)[0].numpy() for spec in classes]
        for of in loaded.values()
    ]
    names = [spec.class_name for spec in classes]
    selection = note_selection(SHOWN_CLASSES, len(benchmark.classes), "classes")
    about = (title_images(benchmark.name, ipc, seeds=[seed]), "the first of each class", selection)
    return draw_image_grid(rows, list(loaded), names, title=", ".join(filter(None, about)))


def tile_images(images: Partition, side: int, most: int | None = None) -> torch.Tensor:
    """Return the images of a class, resized; small images of multi-formation are tiled.

    Args:
        images: (M, 3, H, W), uint8.
        side: Side of the result, in pixels.
        most: Number of tiled images to return, P; None for all complete ones. If there are too few
            small images for a single tiled image, the rest of it is white.

    Returns:
        (P, 3, side, side), uint8.
    """
    small_images, of_class = small_images_per_image([images]), images.load()
    if (missing := small_images - len(of_class)) > 0:
        white = torch.full_like(of_class[:1], 255).expand(missing, *of_class.shape[1:])
        of_class = torch.cat([of_class, white])
    places = len(of_class) // small_images if most is None else most
    shown = of_class[: places * small_images].unflatten(0, (places, small_images))
    return fit_images(tile(shown, math.isqrt(small_images)), side, side)


def draw_costs(method_costs: pd.DataFrame, benchmark: str, ipc: int) -> Figure:
    """Draw the time of every stage as a bar per method.

    Args:
        method_costs: Method, stage and seconds.
        benchmark: Name of the benchmark.
        ipc: Images per class.
    """
    return draw_cost(method_costs, title=title_images(benchmark, ipc))


def load_images(
    images: Images, methods: Iterable[str], shown: Sequence[str] | None = None
) -> dict[str, Mapping[str, Partition]]:
    """Return method -> its images.

    Args:
        images: method -> function that loads its images; only methods that have images.
        methods: All configured methods.
        shown: Methods to return, in this order; None for all that have images.

    Raises:
        ValueError: If no method has images, or if one of `shown` is unknown or has none.
    """
    check_shown(methods, shown)
    if absent := [name for name in shown or () if name not in images]:
        raise ValueError(
            f"shown_methods: expected images of {absent[0]} with these parameters, found none; "
            "make them first, with the same environment and parameters: "
            f"kedro run --pipelines=generate --params method={absent[0]},..."
        )
    loaded = {method: images[method]() for method in shown or methods if method in images}
    if not loaded:
        raise ValueError(
            "expected images of at least one method with these parameters, found none; run distill "
            "first, with the same --env and --params"
        )
    return loaded


def check_shown(methods: Iterable[str], shown: Sequence[str] | None) -> None:
    """Check that the methods to show are a list of known names.

    Args:
        methods: All configured methods.
        shown: Methods to show; None for all.

    Raises:
        ValueError: If `shown` is not a list, or has an unknown name; the message names the first.
    """
    if isinstance(shown, str) or not isinstance(shown, Sequence | None):
        raise ValueError(
            f"shown_methods: expected a list, got {shown!r}; write it as 'shown_methods=[{shown}]'"
        )
    known = dict.fromkeys(methods)
    for name in shown or ():
        lookup(known, name, "shown_methods")
