"""The analyze_diversity stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.analyze_diversity.nodes import (
    analyze_images,
    collect_scores,
    draw_planes,
    measure_diversity,
)


def create_pipeline() -> Pipeline:
    """Build the analyze_diversity stage."""
    return pipeline(
        [
            node(
                analyze_images,
                [
                    "benchmark",
                    "evaluated_images",
                    "latents",
                    "prior",
                    "params:method",
                    "params:analysis",
                    "params:autoencoder",
                ],
                "analysis",
                name="analyze_images",
            ),
            node(
                collect_scores,
                ["analysis", "params:method", "params:variant", "params:seed"],
                ["diversity_scores", "sample_scores"],
                name="collect_scores",
            ),
            node(
                measure_diversity, "diversity_scores", "diversity_metrics", name="measure_diversity"
            ),
            node(
                draw_planes,
                ["analysis", "params:method"],
                ["latent_plane", "interactive_latent_plane"],
                name="draw_planes",
            ),
        ],
        tags="analyze_diversity",
    )
