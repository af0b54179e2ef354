"""The plan that a run prints before it starts: its stages, finished parts and expected times."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset
from mgd3_kedro.durations import in_words
from mgd3_kedro.environment import device_name
from mgd3_kedro.measured_speeds import MEASURES, NEEDS
from mgd3_kedro.nesting import select
from mgd3_kedro.node_parts import count_parts, describe_parts
from mgd3_kedro.speeds import FILE, Speeds
from mgd3_kedro.terminal.lines import title_of

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

logger = logging.getLogger(__name__)

WIDTH = 80
WORTH_TELLING = 5.0
"""Seconds. A node without classes and without a measured speed is listed if it once took longer."""
INDENTED: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "    "}
LONG = 3600.0
"""Seconds. For a longer run without a GPU, the plan also says what would make it shorter."""
SHORTER = (
    "preset=quick or smoke; fewer networks or repeats of trainings; fewer images per class; fewer "
    "diffusion.num_inference_steps"
)
SIZES = ("small", "medium", "large")
"""Names of settings for priors, the shortest training first."""
PRIOR_NODES = ("train_autoencoder", "train_denoiser")
SHORTER_PRIOR = (
    "fewer steps of pretrain.autoencoder and pretrain.denoiser, or fewer layers of the denoiser; "
    "smaller images (image_size)"
)
READ = "params:"
"""Prefix of the parameters among the inputs of a node."""
WHERE = ("benchmark", "split", "image_size", "device", "workers", "model")
"""Parameters that may change the speed of every node, beside the node's own."""


class Step(NamedTuple):
    """A node that takes noticeable time.

    Args:
        node: Name of the node.
        there: Number of its parts that exist already.
        parts: Number of its parts in all.
        words: Description of its parts.
        seconds: Expected time of the missing parts; None if unknown.
    """

    node: str
    there: int
    parts: int
    words: str
    seconds: float | None


def speeds_of(project: Path) -> Speeds:
    """Return how long the nodes of a project took on this machine."""
    return Speeds(project / FILE, device_name())


def precisions_of(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the number formats that the models and networks of a run compute in.

    Args:
        pipeline: Pipeline of the run.
        parameters: Parameters of the run, nested.

    Returns:
        Precision -> groups of parameters that set it.
    """
    found: dict[str, list[str]] = {}
    for name in sorted(pipeline.inputs()):
        group = select(parameters, name[len(READ) :]) if name.startswith(READ) else None
        if isinstance(group, Mapping) and (precision := group.get("precision")):
            found.setdefault(precision, []).append(name[len(READ) :])
    return found


def settings_of(node: Node, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that the speed of a node depends on."""
    own = [name.removeprefix(READ) for name in node.inputs if name.startswith(READ)]
    return {name: select(parameters, name) for name in (*WHERE, *own)}


def plan_steps(
    pipeline: Pipeline, catalog: CatalogProtocol, parameters: Mapping[str, Any], speeds: Speeds
) -> Iterator[Step]:
    """Yield the nodes of a run that take noticeable time, in order.

    Args:
        pipeline: Pipeline of the run.
        catalog: Says which outputs exist.
        parameters: Parameters of the run, nested.
        speeds: Times of earlier runs on this machine.
    """
    classes = len(catalog.load("benchmark").classes) if "benchmark" in pipeline.inputs() else 1
    for node in pipeline.nodes:
        kept = [catalog.get(name) for name in node.outputs]
        partitioned = [one for one in kept if isinstance(one, ClassPartitionsDataset)]
        took = speeds.find(speeds.key_of(node.name, settings_of(node, parameters)))
        is_measured = node.name in MEASURES and NEEDS.get(node.name, "benchmark") in node.inputs
        if partitioned:
            parts = count_parts(node.name, parameters, classes)
            there = parts if partitioned[0].exists() else min(partitioned[0].finished, parts)
            words = describe_parts(node.name, parameters, parts)
        elif is_measured or (took and took.seconds >= WORTH_TELLING):
            there, parts, words = 0, 1, ""
        else:
            continue
        seconds = took.of(parts - there) if took else None
        if took is None and is_measured and there < parts and "benchmark" in pipeline.inputs():
            of_part = _measure(node.name, catalog)
            seconds = of_part and of_part * (parts - there)
        yield Step(node.name, there, parts, words, seconds)


def announce(
    steps: list[Step], precisions: Mapping[str, list[str]], settings: str | None = None
) -> Iterator[str]:
    """Yield the lines of the plan: what will be computed, and how long it may take.

    Args:
        steps: Nodes that take noticeable time.
        precisions: Precision -> groups of parameters that set it.
        settings: Name of the chosen named settings; None if none were chosen.
    """
    for step in steps:
        yield f"  {title_of(step.node):<20} {_describe(step)}"[:WIDTH]
    known = [step.seconds for step in steps if step.seconds is not None and step.there < step.parts]
    unknown = [step for step in steps if step.seconds is None and step.there < step.parts]
    if not known and not unknown:
        return
    computed = [f"{name} ({', '.join(groups)})" for name, groups in precisions.items()]
    if computed:
        yield from textwrap.wrap(f"computed in {', '.join(computed)}", WIDTH, **INDENTED)
    total = sum(known)
    stages = "one stage that was" if len(unknown) == 1 else f"{len(unknown)} stages that were"
    rest = f", plus {stages} not timed here yet" if unknown else ""
    yield f"  about {in_words(total)}{rest}" if known else "  not timed on this machine yet"
    if total > LONG and not _has_gpu():
        trained = any(step.node in PRIOR_NODES and step.there < step.parts for step in steps)
        shorter = _shorter_prior(settings) if trained else SHORTER
        told = f"This is long without a GPU. To make it shorter: use a GPU; {shorter}."
        yield from textwrap.wrap(told, WIDTH)


def _measure(node: str, catalog: CatalogProtocol) -> float | None:
    """Return the expected seconds of one part of a node; None if it cannot be measured."""
    try:
        return MEASURES[node](catalog.load)
    except Exception:  # the run itself reports the same error, with class and image
        logger.debug("%s could not be timed", node, exc_info=True)
        return None


def _shorter_prior(settings: str | None) -> str:
    """Return advice for a shorter training of a prior: smaller named settings, if there are any."""
    smaller = SIZES[: SIZES.index(settings)] if settings in SIZES else ()
    return f"settings={' or '.join(smaller)}" if smaller else SHORTER_PRIOR


def _describe(step: Step) -> str:
    if step.there == step.parts:
        return f"there: {step.words}"
    part = f", {step.there} there" if step.there else ""
    left = f": {in_words(step.seconds)}" if step.seconds is not None else ""
    return f"{step.words}{part}{left}".removeprefix(": ")


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
