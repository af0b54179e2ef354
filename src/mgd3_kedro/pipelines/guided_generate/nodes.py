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
    """Plan the images of every class; what the method does not need is None.

    Args:
        benchmark: The classes.
        method: A name of `methods`.
        distillation: Images per class and seed.
        settings: Procedure and settings of the method.
        methods: Name -> procedure and settings of all; None where those of this one are given.
        train_images: wnid -> images (N, 3, H, W), uint8.
        latents: wnid -> latents (N, C, H, W), scaled.
        modes: wnid -> modes (K, C, H, W) and who belongs to them.
        prior: The weights.
        teacher: A trained network.
        checkpoints: Folder for interrupted fine-tunings.
        diffusion: How the backbone is sampled.
        autoencoder: How its samples are decoded.
        sampling: Where samples start and how they are guided.
        found_by: How modes are found.
        seen_size: Side of what networks see, in pixels; None: as evaluations have it.
        device: Where pixels are optimised and models fine-tuned.

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
    """Return what is to be made of every class: an image for each mode where there are modes."""
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
    """Return some partitions as one, which loads none of them."""
    contents = " ".join(partition.fingerprint for partition in partitions)
    configurations = sorted({partition.configuration for partition in partitions})
    configuration = " ".join(configurations) if all(configurations) else ""
    count = sum(partition.count for partition in partitions)
    return Partition(partial(tuple, partitions), contents, count, configuration=configuration)


FILES = {"nearest_real": "nearest_real_file", "image_number": "image_file"}
"""Fact about an image that is the place of a real one -> column of the file of that."""


def collect_provenance(
    distilled_images: Mapping[str, Partition],
    train_images: Mapping[str, Partition] | None = None,
) -> pd.DataFrame:
    """Put the rows of all classes into one table, one row per image.

    Args:
        distilled_images: wnid -> images (M, 3, H, W), uint8, with the provenance of each.
        train_images: wnid -> images (N, 3, S, S), uint8, with the file of each, if they are files;
            None where no image is made from them.

    Returns:
        These rows; the files of the real images they name; what the images were made by, which is
        that of each class.
    """
    import pandas as pd

    rows = []
    for wnid, partition in distilled_images.items():
        # Once: the rows of images that are files are read again at every look.
        real = list(train_images[wnid].rows) if train_images else []
        made_by = {"environment": partition.environment, "command": partition.command}
        for row in partition.rows:
            named = {column: row[fact] for fact, column in FILES.items() if fact in row}
            # Those of mirrored images come after the others, in the same order.
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
    """Return what every stage before the evaluation took, over all classes.

    Memory is the most that a process held. Stages that methods share are counted for each that
    needs them. What was taken up again counts with the time it took when it was made.
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
    """Sum up what was measured while images were made.

    Returns:
        Name -> value; how many images ended at their own mode, where there are modes; losses,
        before the first and the last update, and distances in latent space are means, and missing
        where images are not found by updates, or have no latents.
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
