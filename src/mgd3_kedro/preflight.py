"""Checks before work starts: what a run needs is there, fits, and is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mgd3_kedro.records import Benchmark, Partition, unknown_name


class Inputs(Protocol):
    """What the checks read: the catalog, seen as a mapping of names to values."""

    def __contains__(self, name: object) -> bool:
        """Tell whether the run reads this entry."""

    def __getitem__(self, name: str) -> Any:
        """Return the value of an entry."""


def check_known_parameters(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse a parameter on the command line that no configuration file has.

    Args:
        given: Parameters of the command line, nested.
        known: Parameters of the configuration files, nested.

    Raises:
        ValueError: Naming the parameter and its nearest neighbour.

    Source: ours.
    """
    for name, value in given.items():
        if name not in known:
            raise ValueError(unknown_name(name, known, "parameter"))
        if isinstance(value, Mapping) and isinstance(known[name], Mapping):
            check_known_parameters(value, known[name])


def check_method(inputs: Inputs) -> None:
    """Refuse a method, procedure or setting of a method that does not exist.

    Source: ours.
    """
    from mgd3_kedro.pipelines.guided_generate.procedures import Common, plan_method

    names = ("backbone", "diffusion", "sampling", "distillation")
    shared = {name: inputs[f"params:{name}"] for name in names}
    common = Common(**shared, mode_finder=inputs["params:modes"].mode_finder)
    plan_method(inputs["params:method"], inputs["params:methods"], common)


def check_prior(inputs: Inputs) -> None:
    """Refuse missing weights, and weights that do not fit their configuration.

    Source: ours.
    """
    from mgd3_kedro.backbones import check_backbone

    check_backbone(inputs["params:backbone"], inputs["prior"].load().path)


def check_classes(inputs: Inputs, images: str) -> None:
    """Refuse images without one of the benchmark's classes, or with an empty one.

    Raises:
        ValueError: Naming the class.

    Source: ours.
    """
    benchmark: Benchmark = inputs["benchmark"]
    partitions: Mapping[str, Partition] = inputs[images]
    for spec in benchmark.classes:
        if spec.wnid not in partitions or not partitions[spec.wnid].count:
            found = "an empty one" if spec.wnid in partitions else "none"
            raise ValueError(
                f"{images}: expected images of class {spec.wnid} ({spec.class_name}), got {found}"
            )
    if surplus := sorted(set(partitions) - set(benchmark.wnids)):
        raise ValueError(
            f"{images}: expected the classes of {benchmark.name}, "
            f"got {surplus[0]} and {len(surplus) - 1} more that it does not have"
        )


def check_images_per_class(inputs: Inputs) -> None:
    """Refuse more images to be made than a class has real ones.

    Raises:
        ValueError: Naming the smallest class.

    Source: ours.
    """
    partitions: Mapping[str, Partition] = inputs["train_images"]
    wnid = min(partitions, key=lambda name: partitions[name].count)
    ipc = inputs["params:modes"].ipc
    if ipc > partitions[wnid].count:
        raise ValueError(
            f"ipc: expected at most {partitions[wnid].count}, the images of class {wnid}, got {ipc}"
        )


def check_readable(inputs: Inputs) -> None:
    """Refuse images to be evaluated that cannot be read, or are of another size.

    Raises:
        ValueError: Naming the image, or the class of another size.

    Source: ours.
    """
    size = inputs["benchmark"].image_size
    for wnid, partition in inputs["evaluated_images"].items():
        found = tuple(partition.load().shape[2:])
        if found != (size, size):
            raise ValueError(
                f"evaluated_images: expected {size} x {size} pixels, got {found[0]} x {found[1]} "
                f"in class {wnid}; resize the images or choose the environment that fits them"
            )


CHECKS: tuple[tuple[frozenset[str], Callable[[Inputs], None]], ...] = (
    (
        frozenset({"train_images", "benchmark"}),
        lambda inputs: check_classes(inputs, "train_images"),
    ),
    (frozenset({"test_images", "benchmark"}), lambda inputs: check_classes(inputs, "test_images")),
    (
        frozenset({"evaluated_images", "benchmark"}),
        lambda inputs: check_classes(inputs, "evaluated_images"),
    ),
    (frozenset({"evaluated_images", "benchmark"}), check_readable),
    (frozenset({"params:methods"}), check_method),
    (frozenset({"prior", "params:backbone"}), check_prior),
    (frozenset({"train_images", "params:modes"}), check_images_per_class),
)
"""What a run must read for a check to apply, and the check."""


def check_inputs(inputs: Inputs) -> None:
    """Run the checks that apply to what a run reads.

    Raises:
        ValueError: The first thing that does not fit.
        FileNotFoundError: The first file that is missing.

    Source: ours.
    """
    for needed, check in CHECKS:
        if all(name in inputs for name in needed):
            check(inputs)
