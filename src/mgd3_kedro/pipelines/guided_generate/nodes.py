"""Nodes that make images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.figures import draw_contact_sheet
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig
from mgd3_kedro.pipelines.guided_generate.procedures import plan_method
from mgd3_kedro.records import Benchmark
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Partition, Stage, Task

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

SHEET_COLUMNS = 20
SHEET_ROWS = 20
LOSSES = ("first_loss", "last_loss")


def distill_images(
    benchmark: Benchmark,
    train_images: Mapping[str, Partition],
    latents: Mapping[str, Partition],
    modes: Mapping[str, Partition],
    prior: Partition,
    teacher: Partition,
    checkpoints: Path,
    method: str,
    methods: dict[str, Any],
    diffusion: BackboneConfig,
    autoencoder: AutoencoderConfig,
    sampling: SamplingConfig,
    distillation: DistillationConfig,
    found_by: ModesConfig,
    seen_size: int | None,
    device: str,
) -> Stage:
    """Plan the images of every class.

    Args:
        benchmark: The classes.
        train_images: wnid -> images (N, 3, H, W), uint8.
        latents: wnid -> latents (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W) and who belongs to them.
        prior: The weights.
        teacher: A trained network, for methods that ask one.
        checkpoints: Folder for interrupted fine-tunings.
        method: A name of `methods`.
        methods: Name -> procedure and settings.
        diffusion: How the backbone is sampled.
        autoencoder: How its samples are decoded.
        sampling: Where samples start and how they are guided.
        distillation: Images per class and seed.
        found_by: How the modes were found.
        seen_size: Side of what networks see, in pixels; None: as evaluations have it.
        device: Where pixels are optimised and models fine-tuned.

    Returns:
        wnid -> images (ipc, 3, H, W), uint8.

    Raises:
        ValueError: If the method or one of its settings is unknown.

    Source: MGD3 (arXiv 2505.18963), section 3.
    """
    common = Common(
        benchmark.classes,
        benchmark.image_size,
        side_of(seen_size, benchmark.image_size),
        diffusion,
        autoencoder,
        sampling,
        distillation,
        found_by.mode_finder,
        device,
        str(checkpoints),
    )
    plan = plan_method(method, methods, common)
    classes = _together([train_images[wnid] for wnid in benchmark.wnids])
    class_latents = _together([latents[wnid] for wnid in benchmark.wnids])
    tasks = {}
    for spec in benchmark.classes:
        sources = {
            "classes": classes,
            "class_latents": class_latents,
            "images": train_images[spec.wnid],
            "latents": latents[spec.wnid],
            "modes": modes[spec.wnid],
            "prior": prior,
            "teacher": teacher,
        }
        tasks[spec.wnid] = Task(tuple(sources[name] for name in plan.needs), spec)
    return Stage(plan.function, tasks, plan.settings, plan.group_size or len(tasks))


def _together(partitions: Sequence[Partition]) -> Partition:
    """Return some partitions as one, which loads none of them."""
    contents = " ".join(partition.fingerprint for partition in partitions)
    configurations = sorted({partition.configuration for partition in partitions})
    configuration = " ".join(configurations) if all(configurations) else ""
    count = sum(partition.count for partition in partitions)
    return Partition(partial(tuple, partitions), contents, count, configuration=configuration)


def collect_provenance(
    distilled_images: Mapping[str, Partition], train_images: Mapping[str, Partition]
) -> pd.DataFrame:
    """Put the rows of all classes into one table, one row per image.

    Args:
        distilled_images: wnid -> images (ipc, 3, H, W), uint8, with the provenance of each.
        train_images: wnid -> images (N, 3, S, S), uint8, with the file of each, if they are files.

    Returns:
        These rows, and `nearest_real_file`: that of the image whose latent is `nearest_real`.

    Source: ours.
    """
    import pandas as pd

    rows = []
    for wnid, partition in distilled_images.items():
        files = [row["file"] for row in train_images[wnid].rows]
        for row in partition.rows:
            # Those of mirrored images come after the others, in the same order.
            file = files[row["nearest_real"] % len(files)] if files else None
            rows.append({**row, "nearest_real_file": file})
    return pd.DataFrame(rows)


def tabulate_cost(
    latents: Mapping[str, Partition],
    modes: Mapping[str, Partition],
    distilled_images: Mapping[str, Partition],
    method: str,
    variant: str,
    seed: int,
) -> pd.DataFrame:
    """Return how long every stage before the evaluation took, over all classes.

    Stages that methods share are counted for each of them, used or not. What was taken up again
    counts with the time it took when it was made.

    Source: ours.
    """
    import pandas as pd

    stages = {"encode": latents, "discover_modes": modes, "guided_generate": distilled_images}
    run = {"method": method, "variant": variant, "seed": seed}
    return pd.DataFrame(
        {**run, "stage": stage, "seconds": sum(partition.seconds for partition in made.values())}
        for stage, made in stages.items()
    )


def measure_generation(
    distilled_images: Mapping[str, Partition], provenance: pd.DataFrame
) -> dict[str, float]:
    """Sum up what was measured while images were made.

    Returns:
        Name -> value; losses, before the first and the last update, are means over the classes,
        and missing where images are not found by updates.

    Source: ours.
    """
    images = sum(partition.count for partition in distilled_images.values())
    seconds = sum(partition.seconds for partition in distilled_images.values())
    metrics = [partition.metrics for partition in distilled_images.values()]
    losses = {name: [of_class[name] for of_class in metrics if name in of_class] for name in LOSSES}
    return {
        "images": images,
        "images_per_second": images / seconds,
        "guided_steps": max(of_class["guided_steps"] for of_class in metrics),
        "mean_distance_to_mode": float(provenance["distance_to_mode"].mean()),
        "mean_distance_to_nearest_real": float(provenance["distance_to_nearest_real"].mean()),
        **{name: fmean(values) for name, values in losses.items() if values},
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
