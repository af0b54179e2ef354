"""The report_sweep pipeline, and the images of a sweep."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.report_sweep.nodes import (
    draw_images_over_knob,
    draw_knob,
    tabulate_sweep,
)


def create_pipeline() -> Pipeline:
    """Build the report_sweep pipeline."""
    return pipeline(
        [
            node(
                tabulate_sweep,
                ["sweep_result_rows", "sweep_diversity_scores"],
                "sweep_table",
                name="tabulate_sweep",
            ),
            node(
                draw_knob,
                ["sweep_table", "sweep_points", "params:knob", "params:compare.headline"],
                ["sweep_plot", "interactive_sweep_plot"],
                name="draw_knob",
            ),
        ],
        tags="report_sweep",
    )


def create_images_pipeline() -> Pipeline:
    """Build the pipeline that shows what a knob does to images."""
    return pipeline(
        [
            node(
                draw_images_over_knob,
                ["benchmark", "sweep_distilled_images", "sweep_points", "params:knob"],
                "sweep_images",
                name="draw_images_over_knob",
            )
        ],
        tags="show_sweep",
    )
