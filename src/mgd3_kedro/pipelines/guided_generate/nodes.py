"""Nodes that make images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.balance import allot_images
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.metrics.landing import sum_up_landing
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.plan import (
    Common,
    DistillationConfig,
    GenerationPlan,
    Wanted,
)
from mgd3_kedro.pipelines.guided_generate.procedures import plan_method
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Partition, Stage, Task

if TYPE_CHECKING:
    import pandas as pd

LOSSES = ("first_loss", "last_loss")
PLACES = ("distance_to_mode", "distance_to_nearest_real")


def distill_images(
    benchmark: Benchmark,
    method: str,
    distillation: DistillationConfig,
    settings: Mapping[str, Any] | None = None,
    methods: Mapping[str, Any] | None = None,
    train_images: Mapping[str, Partition] | None = None,
    latents: Mapping[str, Partition] | None = None,
    modes: Mapping[str, Partition] | None = None,
    prior: Partition | None = None,
    teacher: Partition | None = None,
    checkpoints: Path | None = None,
    diffusion: BackboneConfig | None = None,
    autoencoder: AutoencoderConfig | None = None,
    sampling: SamplingConfig | None = None,
    found_by: ModesConfig | None = None,
    seen_size: int | None = None,
    device: str | None = None,
) -> Stage:
    """Plan the images of every class; inputs that the method does not need are None.

    Args:
        benchmark: The classes.
        method: Name of the method.
        distillation: Images per class and seed.
        settings: Procedure and settings of the method.
        methods: Name -> procedure and settings of all methods; None if `settings` is given.
        train_images: wnid -> images (N, 3, H, W), uint8.
        latents: wnid -> latents (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W), and the assignment of latents to them.
        prior: Weights of the model.
        teacher: A trained network.
        checkpoints: Folder of checkpoints, for interrupted fine-tuning.
        diffusion: Configuration of the backbone.
        autoencoder: Configuration of the autoencoder.
        sampling: Start and guidance of sampling.
        found_by: Configuration of the mode finder.
        seen_size: Side of the networks' input, in pixels; None: the default of evaluations.
        device: Device of pixel optimisation, fine-tuning and the teacher.

    Returns:
        wnid -> images (M, 3, H, W), uint8.

    Raises:
        ValueError: If the method or one of its settings is unknown.

    Source: MGD3 (arXiv 2505.18963), section 3.
    """
    common = Common(
        classes=benchmark.classes,
        image_size=benchmark.image_size,
        distillation=distillation,
        diffusion=diffusion,
        autoencoder=autoencoder,
        sampling=sampling,
        modes=found_by,
        teacher_size=side_of(seen_size, benchmark.image_size),
        device=device,
        checkpoints=None if checkpoints is None else str(checkpoints),
    )
    plan = plan_method(method, {method: settings or {}} if methods is None else methods, common)
    of_classes = {"images": train_images, "latents": latents, "modes": modes}
    shared = {"prior": prior, "teacher": teacher}
    shared |= {
        name: _together([entry[wnid] for wnid in benchmark.wnids])
        for name, entry in {"classes": train_images, "class_latents": latents}.items()
        if entry is not None and name in plan.needs
    }
    wanted = _count_wanted(benchmark, plan, distillation, modes, train_images)
    tasks = {}
    for spec in benchmark.classes:
        given = {name: entry[spec.wnid] for name, entry in of_classes.items() if entry is not None}
        sources = {**shared, **given}
        tasks[spec.wnid] = Task({name: sources[name] for name in plan.needs}, wanted[spec.wnid])
    return Stage(plan.function, tasks, plan.settings, plan.group_size or len(tasks))


def _count_wanted(
    benchmark: Benchmark,
    plan: GenerationPlan,
    distillation: DistillationConfig,
    modes: Mapping[str, Partition] | None,
    train_images: Mapping[str, Partition] | None,
) -> dict[str, Wanted]:
    """Return the images to make of every class: one per mode, if the method uses modes."""
    ipc = plan.images_each or distillation.ipc
    counts = dict.fromkeys(benchmark.wnids, ipc)
    if modes is not None and "modes" in plan.needs:
        counts = {wnid: modes[wnid].count for wnid in benchmark.wnids}
    elif train_images is not None and plan.real_each:
        real = {wnid: train_images[wnid].count for wnid in benchmark.wnids}
        counts = allot_images(real, ipc, distillation.balance, plan.real_each)
    twins = benchmark.twins
    return {
        spec.wnid: Wanted(spec, counts[spec.wnid], twins[spec.wnid]) for spec in benchmark.classes
    }


def _together(partitions: Sequence[Partition]) -> Partition:
    """Return one partition that holds some partitions; these are loaded lazily."""
    contents = " ".join(partition.fingerprint for partition in partitions)
    configurations = sorted({partition.configuration for partition in partitions})
    configuration = " ".join(configurations) if all(configurations) else ""
    count = sum(partition.count for partition in partitions)
    return Partition(partial(tuple, partitions), contents, count, configuration=configuration)


FILES = {"nearest_real": "nearest_real_file", "image_number": "image_file"}
"""Fact about an image that is the index of a real image -> column with that image's file."""


def collect_provenance(
    distilled_images: Mapping[str, Partition],
    train_images: Mapping[str, Partition] | None = None,
) -> pd.DataFrame:
    """Return the provenance of all classes as one table, with one row per image.

    Args:
        distilled_images: wnid -> images (M, 3, H, W), uint8, with the provenance of each.
        train_images: wnid -> images (N, 3, S, S), uint8, with the file name of each if they are
            files; None if the method uses no real images.

    Returns:
        The rows of provenance, with the file names of the real images in them, and the command and
        environment that made the class.
    """
    import pandas as pd

    rows = []
    for wnid, partition in distilled_images.items():
        # Read once: rows of image files are read from disk at every access.
        real = list(train_images[wnid].rows) if train_images else []
        made_by = {"environment": partition.environment, "command": partition.command}
        for row in partition.rows:
            named = {column: row[fact] for fact, column in FILES.items() if fact in row}
            # Latents of mirrored images follow the others, in the same order.
            files = {
                column: real[place % len(real)]["file"] if real else None
                for column, place in named.items()
            }
            rows.append({**row, **files, **made_by})
    return pd.DataFrame(rows)


def tabulate_cost(
    distilled_images: Mapping[str, Partition],
    method: str,
    seed: int,
    latents: Mapping[str, Partition] | None = None,
    modes: Mapping[str, Partition] | None = None,
) -> pd.DataFrame:
    """Return time and memory of every stage before the evaluation, over all classes.

    Memory is the peak of a process. A stage that several methods share counts for each of them. A
    reused result counts with the time of its original computation.

    Returns:
        One row per stage: `method`, `seed`, `stage`, `seconds` and `peak_memory_mb`.
    """
    import pandas as pd

    stages = {"encode": latents, "discover_modes": modes, "guided_generate": distilled_images}
    return pd.DataFrame(
        {
            "method": method,
            "seed": seed,
            "stage": stage,
            "seconds": sum(partition.seconds for partition in made.values()),
            "peak_memory_mb": max(partition.peak_memory_mb for partition in made.values()),
        }
        for stage, made in stages.items()
        if made is not None
    )


def measure_generation(
    distilled_images: Mapping[str, Partition], provenance: pd.DataFrame
) -> dict[str, float]:
    """Return measurements of the generation of images.

    Returns:
        Name -> value. With modes: the share of images that are nearest to their own mode. With
        optimised images: mean losses before the first and the last update. With latents: mean
        distances in latent space.
    """
    images = sum(partition.count for partition in distilled_images.values())
    seconds = sum(partition.seconds for partition in distilled_images.values())
    metrics = [partition.metrics for partition in distilled_images.values()]
    losses = {name: [of_class[name] for of_class in metrics if name in of_class] for name in LOSSES}
    guided = [of_class["guided_steps"] for of_class in metrics if "guided_steps" in of_class]
    return {
        "images": images,
        "images_per_second": images / seconds,
        **({"guided_steps": max(guided)} if guided else {}),
        **{f"mean_{name}": float(provenance[name].mean()) for name in PLACES if name in provenance},
        **sum_up_landing(provenance),
        **{name: fmean(values) for name, values in losses.items() if values},
    }
