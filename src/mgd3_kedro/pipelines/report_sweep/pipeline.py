"""The report_sweep pipeline, and the pipeline of a sweep's images."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.report_sweep.nodes import (
    draw_images_over_knob,
    draw_knob,
    tabulate_sweep,
)
from mgd3_kedro.pipelines.report_sweep.page import write_sweep_page


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
            node(
                write_sweep_page,
                [
                    "sweep_table",
                    "sweep_points",
                    "interactive_sweep_plot",
                    "params:knob",
                    "params:compare.headline",
                    "params:sweep",
                ],
                "sweep_page",
                name="write_sweep_page",
            ),
        ],
        tags="report_sweep",
    )


def create_images_pipeline() -> Pipeline:
    """Build the pipeline that draws images for each value of the varied parameter."""
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
