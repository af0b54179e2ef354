"""Checks of the images that a run reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.datasets.shared_images import shared_images
from mgd3_kedro.preflight.inputs import Inputs
from mgd3_kedro.stages import GIVEN, Partition, images_per_class

logger = logging.getLogger(__name__)


SHOWN_CLASSES = SHOWN_SHARED = 5


def check_classes(inputs: Inputs, images: str) -> None:
    """Refuse images with a class that is missing, empty or not in the benchmark.

    Raises:
        ValueError: If there is such a class; the message names it.
    """
    benchmark: Benchmark = inputs["benchmark"]
    partitions: Mapping[str, Partition] = inputs[images]
    for spec in benchmark.classes:
        if spec.wnid not in partitions or not partitions[spec.wnid].count:
            found = "an empty class" if spec.wnid in partitions else "none"
            known = ", ".join([*partitions][:SHOWN_CLASSES]) or "no classes"
            others = len(partitions) - SHOWN_CLASSES
            is_named = images == "evaluated_images"
            step = f"use --params images=FOLDER/{known}" if is_named else "move them one folder up"
            inner = f"; if the folders in {known} are the classes, {step}"
            raise ValueError(
                f"{images}: expected images of class {spec.wnid} ({spec.class_name}), got {found}; "
                f"there are: {known}{f' and {others} more' if others > 0 else ''}"
                f"{inner if len(partitions) == 1 < len(benchmark.classes) else ''}"
            )
    if surplus := sorted(set(partitions) - set(benchmark.wnids)):
        more = f" and {len(surplus) - 1} more" if len(surplus) > 1 else ""
        raise ValueError(
            f"{images}: expected only the classes of {benchmark.name}, got {surplus[0]}{more} as "
            "well; remove the other classes"
        )


def warn_of_other_split(inputs: Inputs) -> None:
    """Warn if the number of test images differs from that of published results."""
    benchmark: Benchmark = inputs["benchmark"]
    expected = benchmark.test_images_per_class
    counts = {partition.count for partition in inputs["test_images"].values()}
    if expected is not None and counts != {expected}:
        logger.warning(
            "test_images: published numbers for %s use %d test images per class, here classes "
            "have %d to %d; with fast.ai's splits of ImageNet results are 2 to 5 points lower",
            *(benchmark.name, expected, min(counts), max(counts)),
        )


def check_ipc_of_images(inputs: Inputs) -> None:
    """Refuse images to be evaluated whose number per class differs from the parameter `ipc`.

    The paths of results contain `ipc`. Classes may have fewer images than the largest class, which
    is warned of if this project did not make them.

    Raises:
        ValueError: If the numbers differ; the message has the right one.
    """
    images: Mapping[str, Partition] = inputs["evaluated_images"]
    found = images_per_class(list(images.values()))
    if (asked := inputs["params:ipc"]) != found:
        raise ValueError(
            f"ipc: expected {found}, the number of images per class in the evaluated folder, got "
            f"{asked}; add ipc={found}, as paths of results contain it"
        )
    fewer = [
        f"{wnid} has {one.count}"
        for wnid, one in images.items()
        if one.configuration == GIVEN and one.count < found
    ]
    if fewer:
        more = f" and {len(fewer) - SHOWN_CLASSES} more" if len(fewer) > SHOWN_CLASSES else ""
        logger.warning(
            "evaluated_images: classes have %d images, but %s%s",
            *(found, ", ".join(fewer[:SHOWN_CLASSES]), more),
        )


def check_made_here(inputs: Inputs) -> None:
    """Refuse images in the folder of a method that the method did not make.

    Raises:
        ValueError: If images were changed, added or removed; the message names the first such
            class.
    """
    benchmark: Benchmark = inputs["benchmark"]
    if inputs["params:images"] is not None:
        return
    partitions: Mapping[str, Partition] = inputs["evaluated_images"]
    for spec in benchmark.classes:
        if partitions[spec.wnid].configuration == GIVEN:
            method = inputs["params:method"]
            raise ValueError(
                f"evaluated_images: expected the images that {method} made, got other images in "
                f"class {spec.wnid} ({spec.class_name}): some were changed, added or removed; "
                "make them again, with the same --env and --params: kedro run "
                "--pipelines=generate; or copy them to another folder and name it with --params "
                "images=FOLDER,method=NAME"
            )


def check_readable(inputs: Inputs) -> None:
    """Refuse images to be evaluated that cannot be read, or are not squares of one size.

    Raises:
        ValueError: If there are such images; the message names the image or the class.
    """
    sizes: dict[str, tuple[int, int]] = {}
    for wnid, partition in inputs["evaluated_images"].items():
        height, width = sizes[wnid] = tuple(partition.load().shape[2:])
        first = next(iter(sizes.values()))
        if height != width or sizes[wnid] != first:
            raise ValueError(
                f"evaluated_images: expected squares of one size, {first[0]} x {first[0]} pixels, "
                f"got {height} x {width} in class {wnid}; crop and resize the images"
            )


def warn_of_shared_images(inputs: Inputs) -> None:
    """Warn of train images that equal test images, or look like mirrored or cropped test images.

    They are not refused, because published splits have some.
    """
    shared = shared_images(inputs["train_images"], inputs["test_images"])
    _warn_of(
        shared.same, "%d train images are also test images, which makes accuracies too high: %s%s"
    )
    _warn_of(shared.near, "%d train images look like mirrored or cropped test images: %s%s")


def _warn_of(shared: Sequence[tuple[str, str]], text: str) -> None:
    if shared:
        first = "; ".join(" = ".join(pair) for pair in shared[:SHOWN_SHARED])
        more = f" and {len(shared) - SHOWN_SHARED} more" if len(shared) > SHOWN_SHARED else ""
        logger.warning(text, len(shared), first, more)
