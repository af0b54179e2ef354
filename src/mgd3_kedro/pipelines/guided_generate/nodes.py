"""Nodes that make images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.figures import draw_contact_sheet
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.procedures import (
    Common,
    DistillationConfig,
    plan_method,
)
from mgd3_kedro.records import Benchmark
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Partition, Stage, Task

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

SHEET_COLUMNS = 20
SHEET_ROWS = 20


def distill_images(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    latents: Mapping[str, Partition],
    modes: Mapping[str, Partition],
    prior: Partition,
    method: str,
    methods: dict[str, Any],
    diffusion: BackboneConfig,
    autoencoder: AutoencoderConfig,
    sampling: SamplingConfig,
    distillation: DistillationConfig,
    found_by: ModesConfig,
) -> Stage:
    """Plan the images of every class.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, H, W), uint8.
        latents: wnid -> latents (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W) and who belongs to them.
        prior: The weights.
        method: A name of `methods`.
        methods: Name -> procedure and settings.
        diffusion: How the backbone is sampled.
        autoencoder: How its samples are decoded.
        sampling: Where samples start and how they are guided.
        distillation: Images per class and seed.
        found_by: How the modes were found.

    Returns:
        wnid -> images (ipc, 3, H, W), uint8.

    Raises:
        ValueError: If the method or one of its settings is unknown.

    Source: MGD3 (arXiv 2505.18963), section 3.
    """
    common = Common(
        benchmark.image_size, diffusion, autoencoder, sampling, distillation, found_by.mode_finder
    )
    plan = plan_method(method, methods, common)
    tasks = {
        spec.wnid: Task(
            (train_images[spec.wnid], latents[spec.wnid], modes[spec.wnid], prior), asdict(spec)
        )
        for spec in benchmark.classes
    }
    return Stage(plan.function, tasks, plan.settings, plan.group_size)


def collect_provenance(distilled_images: Mapping[str, Partition]) -> pd.DataFrame:
    """Put the rows of all classes into one table, one row per image.

    Source: ours.
    """
    import pandas as pd

    return pd.DataFrame([row for partition in distilled_images.values() for row in partition.rows])


def measure_generation(
    distilled_images: Mapping[str, Partition], provenance: pd.DataFrame
) -> dict[str, float]:
    """Sum up what was measured while images were made.

    Source: ours.
    """
    images = sum(partition.count for partition in distilled_images.values())
    seconds = sum(partition.seconds for partition in distilled_images.values())
    guided = [partition.metrics["guided_steps"] for partition in distilled_images.values()]
    return {
        "images": images,
        "images_per_second": images / seconds,
        "guided_steps": max(guided),
        "mean_distance_to_mode": float(provenance["distance_to_mode"].mean()),
        "mean_distance_to_nearest_real": float(provenance["distance_to_nearest_real"].mean()),
    }


def draw_distilled_images(
    benchmark: Benchmark, distilled_images: Mapping[str, Partition], method: str
) -> Image:
    """Draw the first images of the first classes.

    Source: ours.
    """
    specs = benchmark.classes[:SHEET_ROWS]
    images = {
        spec.wnid: distilled_images[spec.wnid].load()[:SHEET_COLUMNS].permute(0, 2, 3, 1).numpy()
        for spec in specs
    }
    names = {spec.wnid: spec.class_name for spec in specs}
    return draw_contact_sheet(images, names, title=f"{benchmark.name}: {method}")
