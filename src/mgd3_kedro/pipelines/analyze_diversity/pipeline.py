"""The analyze_diversity stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.analyze_diversity.nodes import (
    FEATURE_SPACES,
    collect_scores,
    draw_planes,
    measure_diversity,
)


def create_pipeline(features: str = "latents") -> Pipeline:
    """Build the analyze_diversity stage.

    Args:
        features: A name of `FEATURE_SPACES`: "latents" or "pixels".
    """
    way, radii = FEATURE_SPACES[features], f"radii_of_{features}"
    return pipeline(
        [
            node(way.measure, ["benchmark", way.real], radii, name="measure_real_images"),
            node(
                way.analyze,
                [
                    *("benchmark", "evaluated_images", radii, way.real, *way.further),
                    *("params:analysis", *way.parameters),
                ],
                "analysis",
                name="analyze_images",
            ),
            node(
                collect_scores,
                ["analysis", "settings_of_scores", "params:method", "params:seed"],
                ["diversity_scores", "sample_scores"],
                name="collect_scores",
            ),
            node(
                measure_diversity, "diversity_scores", "diversity_metrics", name="measure_diversity"
            ),
            node(
                draw_planes,
                ["analysis", "params:benchmark", "params:method", "params:ipc", "params:seed"],
                ["latent_plane", "interactive_latent_plane"],
                name="draw_planes",
            ),
        ],
        namespace="analyze_diversity",
        prefix_datasets_with_namespace=False,
        tags="analyze_diversity",
    )
