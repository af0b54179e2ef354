"""Sheet of one class: its modes, and below them the images of all methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.figures import draw_image_grid
from mgd3_kedro.figures.labels import note_selection, title_images
from mgd3_kedro.pipelines.report_methods.drawing import load_images, tile_images
from mgd3_kedro.stages import Partition

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

Images = Mapping[str, Callable[[], Mapping[str, Partition]]]

SHOWN_IMAGES = 10
WHITE = 255


def decode_modes(
    benchmark: Benchmark,
    modes: Mapping[str, Partition],
    prior: Partition,
    class_name: str | None,
    autoencoder: AutoencoderConfig,
) -> dict[str, Any]:
    """Decode the modes of a class; most modes are means of many images, so they look blurred.

    Args:
        benchmark: The classes.
        modes: wnid -> modes (K, C, h, w).
        prior: Weights of the model, with the autoencoder.
        class_name: Name of the class; None for the first class.
        autoencoder: Configuration of the autoencoder.

    Returns:
        `spec` of the class, and `images` of its modes (K, 3, H, H), uint8.

    Raises:
        ValueError: If there is no such class.
    """
    spec = benchmark.named(class_name)
    decoder = load_autoencoder(prior.load(), autoencoder)
    of_class = modes[spec.wnid].load()["modes"]
    return {"spec": spec, "images": decoder.decode(of_class, benchmark.image_size)}


def draw_class_images(
    benchmark: Benchmark,
    decoded_modes: Mapping[str, Any],
    images: Images,
    methods: Mapping[str, Any],
    shown_methods: Sequence[str] | None,
    method: str,
    ipc: int,
    seed: int,
) -> Image:
    """Draw the first images of a class, one row per method, below the modes of one method.

    Args:
        benchmark: The classes.
        decoded_modes: The class, and its modes as images.
        images: method -> function that loads wnid -> images (M, 3, H, W), uint8.
        methods: All configured methods.
        shown_methods: Methods with a row, in this order; None for all that have images.
        method: Name of the method that the modes belong to.
        ipc: Images per class.
        seed: Seed of the data sets.

    Raises:
        ValueError: If no method has images, or if one of `shown_methods` is unknown or has none.

    Source: MGD3 (arXiv 2505.18963), Figure 5.
    """
    spec, side = decoded_modes["spec"], benchmark.image_size
    rows = {f"modes of {method}": decoded_modes["images"]}
    rows |= {
        name: tile_images(of[spec.wnid], side)
        for name, of in load_images(images, methods, shown_methods).items()
    }
    most = max(map(len, rows.values()))
    columns = min(most, SHOWN_IMAGES)
    selection = note_selection(SHOWN_IMAGES, most, "images of the class")
    about = (title_images(benchmark.name, ipc, seeds=[seed]), spec.class_name, selection)
    return draw_image_grid(
        [_row(of_method, columns) for of_method in rows.values()],
        list(rows),
        [str(number) for number in range(columns)],
        title=", ".join(filter(None, about)),
    )


def _row(images: torch.Tensor, columns: int) -> list[NDArray[Any]]:
    """Return the first images, filled up with white images."""
    shown = list(images[:columns].numpy())
    return shown + [np.full_like(shown[0], WHITE)] * (columns - len(shown))
