"""The guided_generate stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.guided_generate.arguments import with_arguments
from mgd3_kedro.pipelines.guided_generate.drawing import draw_distilled_images
from mgd3_kedro.pipelines.guided_generate.needs import Needs
from mgd3_kedro.pipelines.guided_generate.nodes import (
    collect_provenance,
    distill_images,
    measure_generation,
    tabulate_cost,
)

ARGUMENTS = {"modes": "found_by", "evaluation.image_size": "seen_size"}
"""Parameter -> argument that it is given to, where that has another name."""


def create_pipeline(method: str, needs: Needs) -> Pipeline:
    """Build the guided_generate stage of a method.

    Args:
        method: Its name.
        needs: What its images are made from.
    """
    entries = set(needs.entries)
    read = {
        "benchmark": "benchmark",
        "method": "params:method",
        "distillation": "params:distillation",
        "methods" if needs.settings == "methods" else "settings": f"params:{needs.settings}",
        **{name: name for name in needs.entries},
        **{ARGUMENTS.get(name, name): f"params:{name}" for name in needs.parameters},
    }
    real = {"train_images": "train_images"} if entries & {"train_images", "latents"} else {}
    return pipeline(
        [
            node(
                with_arguments(distill_images, read),
                read,
                "distilled_images",
                name="distill_images",
            ),
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
