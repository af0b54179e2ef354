"""The report_methods pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.report_methods.class_sheet import decode_modes, draw_class_images
from mgd3_kedro.pipelines.report_methods.drawing import (
    draw_costs,
    draw_method_images,
    draw_plane,
    draw_scores,
)
from mgd3_kedro.pipelines.report_methods.nodes import (
    place_methods,
    score_methods,
    tabulate_costs,
    tabulate_scores,
)
from mgd3_kedro.pipelines.report_methods.page import write_methods_page


def create_pipeline() -> Pipeline:
    """Build the report_methods pipeline."""
    return pipeline(
        [
            node(score_methods, "all_sample_scores", "method_scores", name="score_methods"),
            node(
                tabulate_scores,
                "method_scores",
                ["diversity_table", "representativeness_table"],
                name="tabulate_scores",
            ),
            node(
                draw_scores,
                ["method_scores", "all_sample_scores", "params:benchmark", "params:ipc"],
                ["trade_off_plot", "interactive_trade_off"],
                name="draw_scores",
            ),
            node(
                place_methods,
                [
                    "benchmark",
                    "latents",
                    "prior",
                    "method_images",
                    "params:methods",
                    "params:class_name",
                    "params:analysis",
                    "params:autoencoder",
                ],
                "methods_in_plane",
                name="place_methods",
            ),
            node(
                draw_plane,
                ["methods_in_plane", "params:benchmark", "params:ipc", "params:seed"],
                ["methods_plane", "interactive_methods_plane"],
                name="draw_plane",
            ),
            node(
                draw_method_images,
                [
                    "benchmark",
                    "method_images",
                    "params:methods",
                    "params:shown_methods",
                    "params:ipc",
                    "params:seed",
                ],
                "method_sheet",
                name="draw_method_images",
            ),
            node(
                tabulate_costs,
                [
                    "all_stage_costs",
                    "rows_of_ipc",
                    "params:evaluation",
                    "params:trainings.networks",
                ],
                "method_costs",
                name="tabulate_costs",
            ),
            node(
                draw_costs,
                ["method_costs", "params:benchmark", "params:ipc"],
                "costs_plot",
                name="draw_costs",
            ),
            node(
                write_methods_page,
                [
                    "benchmark",
                    "method_images",
                    "method_scores",
                    "method_costs",
                    "rows_of_ipc",
                    "curves_of_ipc",
                    "params:methods",
                    "params:evaluation",
                    "params:trainings.networks",
                    "params:compare",
                    "params:ipc",
                    "params:split",
                ],
                "methods_page",
                name="write_methods_page",
            ),
        ],
        tags="report_methods",
    )


def create_class_pipeline() -> Pipeline:
    """Build the show_class pipeline."""
    return pipeline(
        [
            node(
                decode_modes,
                ["benchmark", "modes", "prior", "params:class_name", "params:autoencoder"],
                "decoded_modes",
                name="decode_modes",
            ),
            node(
                draw_class_images,
                [
                    "benchmark",
                    "decoded_modes",
                    "method_images",
                    "params:methods",
                    "params:shown_methods",
                    "params:method",
                    "params:ipc",
                    "params:seed",
                ],
                "class_sheet",
                name="draw_class_images",
            ),
        ],
        tags="show_class",
    )
