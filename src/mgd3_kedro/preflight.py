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
VARIANTS = (
    "variant",
    "images_variant",
    "modes_variant",
    "latents_variant",
    "test_images_variant",
)
"""Parameters that folders of results are named after, so that other settings have others."""
SHOWN_SHARED = 5
TRAINED_ON = {"evaluated_images": "evaluated_images", "params:upper_bound": "train_images"}
"""What a run reads -> what its networks are trained on; otherwise on images that it makes."""


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
    for name, pattern in (("method", r"\w[\w.+=-]*"), *((v, r"[\w.+=-]*") for v in VARIANTS)):
        if not re.fullmatch(pattern, str(value := parameters.get(name, ""))):
            raise ValueError(f"{name}: expected letters, digits and any of . + = -, got {value!r}")
    for name in ("protocol", "preset"):
        if (value := parameters["evaluation"][name]) != parameters[name]:
            raise ValueError(
                f"evaluation.{name}: expected {parameters[name]!r} as {name}, which folders are "
                f"named after, got {value!r}; set {name} instead"
            )
    if (names := list(splits)) and parameters["split"] not in names:
        raise ValueError(unknown_name(parameters["split"], names, "split"))
    if parameters["jobs"] != ONE_PER_CORE:
        check_count("jobs", parameters["jobs"])


def check_method(inputs: Inputs) -> None:
    """Refuse a method, procedure or setting that does not exist or fit, or lacks its teacher.

    Source: ours.
    """
    from mgd3_kedro.evaluation.settings import side_of
    from mgd3_kedro.pipelines.guided_generate.plan import Common
    from mgd3_kedro.pipelines.guided_generate.procedures import plan_method

    for name in ("modes", "distillation"):
        if (ipc := inputs[f"params:{name}"].ipc) != inputs["params:ipc"]:
            raise ValueError(f"{name}.ipc: expected {inputs['params:ipc']} as ipc, got {ipc}")
    benchmark = inputs["benchmark"]
    names = ("diffusion", "autoencoder", "sampling", "distillation", "device")
    common = Common(
        classes=benchmark.classes,
        image_size=benchmark.image_size,
        teacher_size=side_of(inputs["params:evaluation.image_size"], benchmark.image_size),
        mode_finder=inputs["params:modes"].mode_finder,
        checkpoints="",
        **{name: inputs[f"params:{name}"] for name in names},
    )
    plan = plan_method(inputs["params:method"], inputs["params:methods"], common)
    if plan.try_teacher and "teacher" in inputs:
        plan.try_teacher(inputs["teacher"].load())


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
    """Refuse images to be evaluated that cannot be read, or are not squares of one size.

    Raises:
        ValueError: Naming the image, or the class of another size.

    Source: ours.
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


def check_trainings(inputs: Inputs) -> None:
    """Refuse networks that do not fit the images, and a protocol that lacks a number.

    Raises:
        ValueError: Naming the network or the setting.

    Source: ours.
    """
    config, count = inputs["params:evaluation"], len(inputs["benchmark"].classes)
    given: Iterable[Partition] = next(
        (inputs[name].values() for sign, name in TRAINED_ON.items() if sign in inputs), ()
    )
    ipc = max((partition.count for partition in given), default=inputs["params:ipc"])
    for network in inputs["params:trainings"].networks:
        config.plan(ipc, count, network)
        _check_network(inputs, network)


def check_teacher_training(inputs: Inputs) -> None:
    """Refuse a network to be trained as a teacher that does not fit the images.

    Source: ours.
    """
    _check_network(inputs, inputs["params:teacher_training"].network)


def _check_network(inputs: Inputs, network: str) -> None:
    import torch

    from mgd3_kedro.evaluation import build_network

    benchmark: Benchmark = inputs["benchmark"]
    size = inputs["params:evaluation"].side_of(benchmark.image_size)
    with torch.device("meta"):
        build_network(network, len(benchmark.classes), size)


def check_teacher(inputs: Inputs) -> None:
    """Refuse a teacher that is missing, broken, or of other classes, where a protocol asks one.

    Source: ours.
    """
    if inputs["params:evaluation"].recipe.labels != "given":
        check_teacher_of(inputs)


def check_teacher_of(inputs: Inputs) -> None:
    """Refuse a teacher that is missing, broken, or of other classes.

    Source: ours.
    """
    from mgd3_kedro.evaluation.teacher import load_teacher

    config, benchmark = inputs["params:evaluation"], inputs["benchmark"]
    size = config.side_of(benchmark.image_size)
    load_teacher(inputs["teacher"].load(), benchmark.classes, size)


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
        for name in (
            "latents",
            "modes",
            "distilled_images",
            "fitted_test_images",
            "trainings",
            "analysis",
        )
    ),
    (frozenset({"train_images", "test_images"}), check_disjoint),
    (frozenset({"test_images", "benchmark"}), warn_of_other_split),
    (frozenset({"evaluated_images", "benchmark"}), check_readable),
    (frozenset({"params:trainings", "benchmark"}), check_trainings),
    (frozenset({"params:teacher_training", "benchmark"}), check_teacher_training),
    (frozenset({"params:trainings", "benchmark", "teacher"}), check_teacher),
    (frozenset({"params:pretrain.autoencoder"}), check_given_autoencoder),
    (frozenset({"params:methods", "params:method", "benchmark"}), check_method),
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
