"""Checks before work starts: what a run needs is there, fits, and is enough."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from mgd3_kedro.checks import check_count, unknown_name
from mgd3_kedro.datasets.shared_images import shared_images
from mgd3_kedro.records import Benchmark
from mgd3_kedro.stages import Partition

logger = logging.getLogger(__name__)

ONE_PER_CORE = -1
SHOWN_SHARED = 5


class Inputs(Protocol):
    """What the checks read: the catalog, seen as a mapping of names to values."""

    def __contains__(self, name: object) -> bool:
        """Tell whether the run reads this entry."""

    def __getitem__(self, name: str) -> Any:
        """Return the value of an entry."""


def check_known_parameters(
    given: Mapping[str, Any], known: Mapping[str, Any], group: str = ""
) -> None:
    """Refuse a parameter on the command line that no configuration file has.

    Args:
        given: Parameters of the command line, nested.
        known: Parameters of the configuration files, nested.
        group: What they are nested in, with a full stop.

    Raises:
        ValueError: Naming the parameter and its nearest neighbour.

    Source: ours.
    """
    for name, value in given.items():
        if name not in known:
            family = f"parameter of {group[:-1]}" if group else "parameter"
            raise ValueError(unknown_name(name, known, family))
        if isinstance(value, Mapping):
            if not isinstance(known[name], Mapping):
                raise ValueError(
                    f"{group}{name}: expected one value, got the settings {', '.join(value)}"
                )
            check_known_parameters(value, known[name], f"{group}{name}.")


def check_run_keys(parameters: Mapping[str, Any], splits: Iterable[str]) -> None:
    """Refuse parameters that folders are named after, or that no stage reads, if they do not fit.

    Args:
        parameters: All parameters.
        splits: Names of the environment's splits; none if it has no choice.

    Raises:
        ValueError: Naming the parameter.

    Source: ours.
    """
    # Together they name a folder: one that is not above the others.
    for name, pattern in (("method", r"\w[\w.+=-]*"), ("variant", r"[\w.+=-]*")):
        if not re.fullmatch(pattern, str(value := parameters[name])):
            raise ValueError(f"{name}: expected letters, digits and any of . + = -, got {value!r}")
    if (names := list(splits)) and parameters["split"] not in names:
        raise ValueError(unknown_name(parameters["split"], names, "split"))
    if parameters["jobs"] != ONE_PER_CORE:
        check_count("jobs", parameters["jobs"])


def check_method(inputs: Inputs) -> None:
    """Refuse a method, procedure or setting of a method that does not exist.

    Source: ours.
    """
    from mgd3_kedro.pipelines.guided_generate.procedures import Common, plan_method

    names = ("diffusion", "autoencoder", "sampling", "distillation")
    shared = {name: inputs[f"params:{name}"] for name in names}
    for name in ("modes", "distillation"):
        if (ipc := inputs[f"params:{name}"].ipc) != inputs["params:ipc"]:
            raise ValueError(f"{name}.ipc: expected {inputs['params:ipc']} as ipc, got {ipc}")
    common = Common(
        **shared,
        image_size=inputs["benchmark"].image_size,
        mode_finder=inputs["params:modes"].mode_finder,
    )
    plan_method(inputs["params:method"], inputs["params:methods"], common)


def check_device(inputs: Inputs, name: str) -> None:
    """Refuse a device that this machine does not have.

    Source: ours.
    """
    from mgd3_kedro.devices import resolve_device

    value = inputs[name]
    resolve_device(value if isinstance(value, str) else value.device)


def check_prior(inputs: Inputs) -> None:
    """Refuse missing weights, weights that do not fit, and classes to draw that they do not know.

    Source: ours.
    """
    from mgd3_kedro.backbones import check_backbone

    drawn = inputs["benchmark"].classes if "params:diffusion" in inputs else ()
    check_backbone(inputs["prior"].load(), drawn)


def check_given_autoencoder(inputs: Inputs) -> None:
    """Refuse an autoencoder to be taken that is not there, or does not fit its configuration.

    Source: ours.
    """
    if folder := inputs["params:pretrain.autoencoder"].given:
        from diffusers import AutoencoderKL

        from mgd3_kedro.backbones.weights import check_component

        check_component(AutoencoderKL, Path(folder))


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


def warn_of_other_split(inputs: Inputs) -> None:
    """Warn if the test images are not as many as those that published numbers are made with.

    Source: ours.
    """
    benchmark: Benchmark = inputs["benchmark"]
    expected = benchmark.test_images_per_class
    counts = {partition.count for partition in inputs["test_images"].values()}
    if expected is not None and counts != {expected}:
        logger.warning(
            "test_images: %s has %d test images of each class where numbers are published, here "
            "are %d to %d; with fast.ai's splits of ImageNet results are 2 to 5 points lower",
            *(benchmark.name, expected, min(counts), max(counts)),
        )


def check_finished(inputs: Inputs, name: str) -> None:
    """Refuse to start from what an earlier stage has not finished.

    Source: ours.
    """
    inputs[name]


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


def check_disjoint(inputs: Inputs) -> None:
    """Warn of test images that are train images too, byte for byte.

    Published splits have some, so it is no reason to refuse.

    Source: ours.
    """
    if shared := shared_images(inputs["train_images"], inputs["test_images"]):
        first = "; ".join(" = ".join(pair) for pair in shared[:SHOWN_SHARED])
        more = f" and {len(shared) - SHOWN_SHARED} more" if len(shared) > SHOWN_SHARED else ""
        logger.warning(
            "%d train images are test images too, which flatters accuracies: %s%s",
            len(shared),
            first,
            more,
        )


CHECKS: tuple[tuple[frozenset[str], Callable[[Inputs], None]], ...] = (
    *(
        (frozenset({name}), partial(check_device, name=name))
        for name in ("params:device", "params:autoencoder", "params:diffusion", "params:evaluation")
    ),
    *(
        (frozenset({name, "benchmark"}), partial(check_classes, images=name))
        for name in ("train_images", "test_images", "evaluated_images")
    ),
    *(
        (frozenset({name}), partial(check_finished, name=name))
        for name in ("latents", "modes", "distilled_images", "trainings", "analysis")
    ),
    (frozenset({"train_images", "test_images"}), check_disjoint),
    (frozenset({"test_images", "benchmark"}), warn_of_other_split),
    (frozenset({"evaluated_images", "benchmark"}), check_readable),
    (frozenset({"params:pretrain.autoencoder"}), check_given_autoencoder),
    (frozenset({"params:methods", "benchmark"}), check_method),
    (frozenset({"prior", "benchmark"}), check_prior),
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
