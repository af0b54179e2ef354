"""The pipelines by name, as what is chosen by parameters asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from kedro.pipeline import Pipeline, pipeline
from kedro.pipeline.node import Node
from kedro.validation.type_extractor import TypeExtractor

from mgd3_kedro.evaluation import PROTOCOLS
from mgd3_kedro.pipelines import (
    analyze_diversity,
    compare,
    discover_modes,
    encode,
    export,
    guided_generate,
    illustrate,
    illustrate_steps,
    pretrain,
    report,
    report_methods,
    report_sweep,
    train_eval,
    train_teacher,
    write_pages,
)
from mgd3_kedro.pipelines.guided_generate.needs import NEEDS_OF_DRAWS, Needs, needs_of
from mgd3_kedro.pipelines.report.pipeline import FOUND


class Choice(NamedTuple):
    """What the pipelines depend on.

    Args:
        method: Name of the method.
        needs: What its images are made from.
        features: What scores are computed in: latents or pixels.
        labels: Where the protocol's labels come from: given, teacher or stored.
        keeps_real: Whether the images to train on are some of the train images.
        is_drawn: Whether a model drew the images.
        soft_labels: Whether a teacher is asked about images that are handed on.
    """

    method: str = "mgd3"
    needs: Needs = NEEDS_OF_DRAWS._replace(settings="methods.mgd3")
    features: str = "latents"
    labels: str = "given"
    keeps_real: bool = False
    is_drawn: bool = True
    soft_labels: bool = False


_chosen = Choice()

MOST_INCREMENTS = 10
"""Whose nodes are known by name before it is known how many increments a run has."""


def choose(parameters: Mapping[str, Any]) -> None:
    """Have `register_pipelines` build the pipelines of a run.

    Args:
        parameters: All of them, nested.
    """
    global _chosen
    _chosen = choice_of(parameters)


def choice_of(parameters: Mapping[str, Any]) -> Choice:
    """Return what the pipelines of a run depend on; what is unknown is refused later.

    Args:
        parameters: All of them, nested.
    """
    method, protocol = str(parameters["method"]), parameters["protocol"]
    needs = needs_of(method, parameters)
    features = features_of_scores(parameters["analysis"]["features"], needs)
    labels = PROTOCOLS[protocol].labels if protocol in PROTOCOLS else Choice().labels
    is_own = parameters["images"] is None
    keeps_real, is_drawn = needs.keeps_real and is_own, "prior" in needs.entries and is_own
    soft_labels = bool(parameters["export"]["soft_labels"])
    return Choice(method, needs, features, labels, keeps_real, is_drawn, soft_labels)


def features_of_scores(configured: str | None, needs: Needs) -> str:
    """Return what scores are computed in: as configured, or latents where the method has a prior.

    Args:
        configured: `analysis.features`.
        needs: What the images of the method are made from.
    """
    if configured is not None:
        return configured
    return "latents" if {"latents", "prior"} & set(needs.entries) else "pixels"


def nodes_of(names: Iterable[str]) -> set[Node]:
    """Return all nodes that pipelines may have, whatever is chosen by parameters.

    Args:
        names: Of pipelines; unknown ones have none.
    """
    labels = {one.labels for one in PROTOCOLS.values()}
    in_groups = Choice().needs._replace(comparison=Needs((), ()))
    in_increments = in_groups._replace(increments=MOST_INCREMENTS)
    choices = [Choice(labels=one) for one in labels]
    choices += [Choice(needs=one) for one in (in_groups, in_increments)]
    built = [_build(choice) for choice in choices]
    return {
        node for known in built for name in names if name in known for node in known[name].nodes
    }


def register_pipelines() -> dict[str, Pipeline]:
    """Return name -> pipeline, as last chosen; at first those of mode guidance and hard labels."""
    return dict(_build(_chosen))


def build_pipelines(parameters: Mapping[str, Any]) -> dict[str, Pipeline]:
    """Return name -> pipeline, of a run with some parameters.

    Args:
        parameters: All of them, nested.
    """
    return dict(_build(choice_of(parameters)))


def types_of_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return group of parameters -> dataclass that nodes read it as, in a run.

    Args:
        parameters: All of them, nested.
    """
    return _types(choice_of(parameters))


@lru_cache
def _types(choice: Choice) -> dict[str, Any]:
    return TypeExtractor(_build(choice)).extract_types_from_pipelines()


@lru_cache
def _build(choice: Choice) -> dict[str, Pipeline]:
    """Return name -> pipeline; written out, because discovery takes any name for a folder."""
    entries = choice.needs.entries
    nothing = pipeline([])
    encoding = encode.create_pipeline()
    discovery = discover_modes.create_pipeline()
    generation = guided_generate.create_pipeline(choice.method, choice.needs)
    training = train_eval.create_pipeline(choice.labels, keeps_real=choice.keeps_real)
    analysis = analyze_diversity.create_pipeline(choice.features)
    judgement = training + analysis
    own_images = pipeline(judgement, inputs={"evaluated_images": "distilled_images"})
    generate = (
        (encoding if "latents" in entries else nothing)
        + (discovery if "modes" in entries else nothing)
        + generation
    )
    # Encoding skips what is there; without it a fresh clone could not analyse any images.
    scored = encoding if choice.features == "latents" else nothing
    page = report.create_pipeline()
    distill = _ending_with(page, scored + generate + own_images)
    images = {"distilled_images": "evaluated_images"}
    return {
        "encode": encoding,
        "discover_modes": discovery,
        "guided_generate": generation,
        "train_eval": training,
        "analyze_diversity": analysis,
        "generate": generate,
        "distill": distill,
        "evaluate": _ending_with(page, scored + judgement, images),
        "export": export.create_pipeline(is_drawn=choice.is_drawn, soft_labels=choice.soft_labels),
        "train_full": train_eval.create_full_pipeline(choice.labels),
        "redundancy": train_eval.create_redundancy_pipeline(
            choice.labels, keeps_real=choice.keeps_real
        ),
        "train_teacher": train_teacher.create_pipeline(),
        "pretrain": pretrain.create_pipeline(),
        "compare": compare.create_pipeline(),
        "report": page,
        "illustrate": illustrate.create_pipeline(),
        "illustrate_steps": illustrate_steps.create_pipeline(),
        "report_methods": report_methods.create_pipeline(),
        "show_class": report_methods.create_class_pipeline(),
        "report_sweep": report_sweep.create_pipeline(),
        "show_sweep": report_sweep.create_images_pipeline(),
        "write_pages": write_pages.create_pipeline(),
        "__default__": distill,
    }


def _ending_with(
    page: Pipeline, stages: Pipeline, aliases: Mapping[str, str] = MappingProxyType({})
) -> Pipeline:
    """Return stages and the page of what they make, which waits for them.

    Args:
        page: Reads what is there.
        stages: What they read and make is not looked for, but awaited.
        aliases: Entry that the page reads -> what these stages call it.
    """
    known = stages.datasets()
    awaited = {
        name: entry
        for name in page.inputs()
        if name.startswith(FOUND)
        and (entry := aliases.get(found := name.removeprefix(FOUND), found)) in known
    }
    return stages + pipeline(page, inputs=awaited)
