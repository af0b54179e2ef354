"""Registry of the pipelines, which depend on some parameters of a run."""

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
    """The choices of a run that its pipelines depend on.

    Args:
        method: Name of the method.
        needs: Inputs that the method makes its images from.
        features: Space in which scores are computed: latents or pixels.
        labels: Source of the protocol's labels: given, teacher or stored.
        keeps_real: Whether the distilled images are a subset of the real train images.
        is_drawn: Whether a diffusion model drew the images.
        soft_labels: Whether exported images have soft labels of a teacher.
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
"""Number of increments whose nodes have known names before a run sets its own number."""


def choose(parameters: Mapping[str, Any]) -> None:
    """Make `register_pipelines` build the pipelines of a run.

    Args:
        parameters: All parameters of the run, nested.
    """
    global _chosen
    _chosen = choice_of(parameters)


def choice_of(parameters: Mapping[str, Any]) -> Choice:
    """Return the choices that the pipelines of a run depend on; unknown names are refused later.

    Args:
        parameters: All parameters of the run, nested.
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
    """Return the space of scores: as configured, else latents if the method uses a prior.

    Args:
        configured: Value of `analysis.features`.
        needs: Inputs that the method makes its images from.
    """
    if configured is not None:
        return configured
    return "latents" if {"latents", "prior"} & set(needs.entries) else "pixels"


def nodes_of(names: Iterable[str]) -> set[Node]:
    """Return all nodes that pipelines may have, for any choice of parameters.

    Args:
        names: Names of pipelines; unknown pipelines have no nodes.
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
    """Return name -> pipeline, as last chosen; by default for mode guidance and hard labels."""
    return dict(_build(_chosen))


def build_pipelines(parameters: Mapping[str, Any]) -> dict[str, Pipeline]:
    """Return name -> pipeline for a run with these parameters.

    Args:
        parameters: All parameters of the run, nested.
    """
    return dict(_build(choice_of(parameters)))


def types_of_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return group of parameters -> dataclass that the nodes of a run read it as.

    Args:
        parameters: All parameters of the run, nested.
    """
    return _types(choice_of(parameters))


@lru_cache
def _types(choice: Choice) -> dict[str, Any]:
    return TypeExtractor(_build(choice)).extract_types_from_pipelines()


@lru_cache
def _build(choice: Choice) -> dict[str, Pipeline]:
    """Return name -> pipeline; listed here, because Kedro's discovery goes by folder names."""
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
    # Encoding skips finished classes; without it a fresh clone has no latents to compute scores.
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
    """Return stages followed by the page that reports on their outputs.

    Args:
        page: Pipeline of the page, which reads entries only if they exist.
        stages: Pipelines whose entries the page waits for.
        aliases: Entry that the page reads -> its name in these stages.
    """
    known = stages.datasets()
    awaited = {
        name: entry
        for name in page.inputs()
        if name.startswith(FOUND)
        and (entry := aliases.get(found := name.removeprefix(FOUND), found)) in known
    }
    return stages + pipeline(page, inputs=awaited)
