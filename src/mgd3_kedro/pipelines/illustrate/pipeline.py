"""The illustrate pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.illustrate.nodes import (
    draw_mixture_samples,
    measure_mixture,
    sample_mixture,
)


def create_pipeline() -> Pipeline:
    """Build the illustrate pipeline."""
    return pipeline(
        [
            node(sample_mixture, "params:mixture", "mixture_samples", name="sample_mixture"),
            node(
                measure_mixture,
                ["mixture_samples", "params:mixture"],
                "mixture_metrics",
                name="measure_mixture",
            ),
            node(
                draw_mixture_samples,
                ["mixture_samples", "params:mixture.weights"],
                "mixture_plot",
                name="draw_mixture_samples",
            ),
        ],
        tags="illustrate",
    )
