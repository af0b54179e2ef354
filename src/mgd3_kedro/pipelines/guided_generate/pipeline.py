"""The guided_generate stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.guided_generate.nodes import (
    collect_provenance,
    distill_images,
    draw_distilled_images,
    measure_generation,
    tabulate_cost,
)


def create_pipeline() -> Pipeline:
    """Build the guided_generate stage."""
    return pipeline(
        [
            node(
                distill_images,
                {
                    "benchmark": "benchmark",
                    "train_images": "train_images",
                    "latents": "latents",
                    "modes": "modes",
                    "prior": "prior",
                    "teacher": "teacher",
                    "checkpoints": "checkpoints",
                    "method": "params:method",
                    "methods": "params:methods",
                    "diffusion": "params:diffusion",
                    "autoencoder": "params:autoencoder",
                    "sampling": "params:sampling",
                    "distillation": "params:distillation",
                    "found_by": "params:modes",
                    "seen_size": "params:evaluation.image_size",
                    "device": "params:device",
                },
                "distilled_images",
                name="distill_images",
            ),
            node(
                collect_provenance,
                ["distilled_images", "train_images"],
                "provenance",
                name="collect_provenance",
            ),
            node(
                tabulate_cost,
                [
                    "latents",
                    "modes",
                    "distilled_images",
                    "params:method",
                    "params:variant",
                    "params:seed",
                ],
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
                ["benchmark", "distilled_images", "params:method"],
                "contact_sheet",
                name="draw_distilled_images",
            ),
        ],
        tags="guided_generate",
    )
