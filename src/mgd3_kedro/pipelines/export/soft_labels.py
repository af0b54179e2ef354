"""Soft labels of an export: the logits of a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.checks import check_finite
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.resampling import enlarge_small_images, fit_images
from mgd3_kedro.evaluation.settings import side_of
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.stages import Made, Partition, Stage, Task, neutral, off_at, small_images_per_image


@dataclass(frozen=True)
class SoftLabelSettings:
    """Settings of the stage.

    Args:
        classes: Classes of the benchmark.
        size: Side of the teacher's input, in pixels.
        device: Name of the device.
        small_images: Small images that replace one image (multi-formation).
    """

    classes: tuple[ClassSpec, ...]
    size: int
    device: str = neutral()
    small_images: int = off_at(1, default=1)


def label_exported_images(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    teacher: Partition,
    seen_size: int | None,
    device: str,
) -> Stage:
    """Plan the computation of a teacher's logits of every image, without crops and mixing.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (N, 3, H, W), uint8.
        teacher: A trained network.
        seen_size: Side of the teacher's input, in pixels; None: the default of evaluations.
        device: Name of the device.

    Returns:
        wnid -> `logits` (N, n), float32, in label order.
    """
    tasks = {
        wnid: Task({"images": evaluated_images[wnid], "teacher": teacher})
        for wnid in benchmark.wnids
    }
    size = side_of(seen_size, benchmark.image_size)
    small_images = small_images_per_image([evaluated_images[wnid] for wnid in benchmark.wnids])
    return Stage(
        label_classes, tasks, SoftLabelSettings(benchmark.classes, size, device, small_images)
    )


def label_classes(batch: Mapping[str, Task], settings: SoftLabelSettings) -> dict[str, Made]:
    """Compute the teacher's logits of some classes.

    Raises:
        NotFiniteError: If a logit is not finite.
    """
    device = resolve_device(settings.device)
    made = {}
    for wnid, task in batch.items():
        network = load_teacher(task.inputs["teacher"], settings.classes, settings.size).to(device)
        shown = enlarge_small_images(task.inputs["images"], settings.small_images)
        images = fit_images(shown, settings.size, settings.size).to(device)
        logits = Passes(network, PRECISIONS["fp32"], device).classify(images).cpu()
        check_finite(f"logits of class {wnid}", logits, "check the teacher's weights")
        made[wnid] = Made({"logits": logits}, len(logits))
    return made
