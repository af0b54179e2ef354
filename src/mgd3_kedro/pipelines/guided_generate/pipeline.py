"""The guided_generate stage."""

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from mgd3_kedro.pipelines.guided_generate.arguments import with_arguments
from mgd3_kedro.pipelines.guided_generate.drawing import draw_distilled_images
from mgd3_kedro.pipelines.guided_generate.groups import (
    choose_drawn_groups,
    compare_groups,
    draw_groups,
    keep_groups,
)
from mgd3_kedro.pipelines.guided_generate.increments import (
    choose_increment,
    draw_candidates,
    keep_increments,
    train_student,
)
from mgd3_kedro.pipelines.guided_generate.needs import Needs
from mgd3_kedro.pipelines.guided_generate.nodes import (
    collect_provenance,
    distill_images,
    measure_generation,
    tabulate_cost,
)

ARGUMENTS = {"modes": "found_by", "evaluation.image_size": "seen_size"}
"""Parameter -> argument of the node's function, if it has another name."""


def create_pipeline(method: str, needs: Needs) -> Pipeline:
    """Build the guided_generate stage of a method.

    Args:
        method: Name of the method.
        needs: Inputs that the method needs.
    """
    entries = set(needs.entries)
    real = {"train_images": "train_images"} if entries & {"train_images", "latents"} else {}
    return pipeline(
        [
            *_making(needs),
            node(
                collect_provenance,
                {"distilled_images": "distilled_images", **real},
                "provenance",
                name="collect_provenance",
            ),
            node(
                tabulate_cost,
                {
                    "distilled_images": "distilled_images",
                    "method": "params:method",
                    "seed": "params:seed",
                    **{name: name for name in ("latents", "modes") if name in entries},
                },
                "stage_costs",
                name="tabulate_cost",
            ),
            node(
                measure_generation,
                ["distilled_images", "provenance"],
                "generate_metrics",
                name="measure_generation",
            ),
            node(
                draw_distilled_images,
                [
                    "benchmark",
                    "distilled_images",
                    "params:method",
                    "settings_of_images",
                    "params:distillation",
                ],
                "contact_sheet",
                name="draw_distilled_images",
            ),
        ],
        namespace="guided_generate",
        prefix_datasets_with_namespace=False,
        tags="guided_generate",
    )


def _making(needs: Needs) -> list[Node]:
    """Return the nodes that make the images."""
    if needs.increments > 1:
        return _keep_of_increments(needs)
    return _keep_of_groups(needs) if needs.comparison else [_distill(needs)]


def _distill(needs: Needs) -> Node:
    """Return the node of a method that makes its images in one step."""
    read = {
        "benchmark": "benchmark",
        "method": "params:method",
        "distillation": "params:distillation",
        "methods" if needs.settings == "methods" else "settings": f"params:{needs.settings}",
        **_named(needs),
    }
    return node(
        with_arguments(distill_images, read), read, "distilled_images", name="distill_images"
    )


def _keep_of_groups(needs: Needs) -> list[Node]:
    """Return the nodes that sample groups of images, choose one per class, and decode it."""
    own = f"params:{needs.settings}"
    drawn = {
        "benchmark": "benchmark",
        "distillation": "params:distillation",
        "draws": f"{own}.draws",
        "groups": f"{own}.groups",
        **_named(needs),
    }
    compared = {
        "benchmark": "benchmark",
        "drawn_groups": "drawn_groups",
        "features": f"{own}.features",
        **_named(needs.comparison or needs),
    }
    return [
        node(with_arguments(draw_groups, drawn), drawn, "drawn_groups", name="draw_groups"),
        node(
            with_arguments(compare_groups, compared),
            compared,
            "group_features",
            name="compare_groups",
        ),
        node(
            choose_drawn_groups,
            {"benchmark": "benchmark", "group_features": "group_features", "settings": own},
            "chosen_groups",
            name="choose_groups",
        ),
        node(
            keep_groups,
            {
                "benchmark": "benchmark",
                "drawn_groups": "drawn_groups",
                "group_features": "group_features",
                "chosen_groups": "chosen_groups",
                "settings": own,
                "prior": "prior",
                "autoencoder": "params:autoencoder",
            },
            "distilled_images",
            name="distill_images",
        ),
    ]


def _keep_of_increments(needs: Needs) -> list[Node]:
    """Return the nodes that sample candidates, choose each increment by a student, and join all."""
    own = f"params:{needs.settings}"
    shared = {"benchmark": "benchmark", "distillation": "params:distillation"}
    drawn = {
        **shared,
        **{name: f"{own}.{name}" for name in ("draws", "increment_size", "kappa")},
        **_named(needs),
    }
    chosen = {
        **shared,
        "drawn_groups": "drawn_groups",
        "settings": own,
        "prior": "prior",
        "autoencoder": "params:autoencoder",
    }
    increments = {f"increment_{number}": f"increment_{number}" for number in _numbers(needs)}
    nodes = [
        node(with_arguments(draw_candidates, drawn), drawn, "drawn_groups", name="draw_candidates")
    ]
    for number in _numbers(needs):
        judged = {
            **chosen,
            "student": f"student_{number}",
            "config": "params:student_training",
            **_named(needs.comparison or needs),
        }
        before = dict([*increments.items()][: number - 1])
        if before:
            nodes.append(_study(f"{own}.increment_size", before, number))
        given = judged if before else chosen
        nodes.append(
            node(
                with_arguments(choose_increment, given, number=number),
                given,
                f"increment_{number}",
                name=f"choose_increment_{number}",
            )
        )
    joined = {"benchmark": "benchmark", "drawn_groups": "drawn_groups", **increments}
    return [*nodes, node(keep_increments, joined, "distilled_images", name="distill_images")]


def _study(size: str, before: dict[str, str], number: int) -> Node:
    """Return the node that trains the student of an increment on the earlier increments."""
    read = {
        "benchmark": "benchmark",
        "config": "params:student_training",
        "checkpoints": "checkpoints",
        "increment_size": size,
        **before,
    }
    return node(train_student, read, f"student_{number}", name=f"train_student_{number}")


def _numbers(needs: Needs) -> range:
    return range(1, needs.increments + 1)


def _named(needs: Needs) -> dict[str, str]:
    """Return argument -> catalog entry or parameter."""
    return {
        **{name: name for name in needs.entries},
        **{ARGUMENTS.get(name, name): f"params:{name}" for name in needs.parameters},
    }
