"""The discover_modes stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.discover_modes.nodes import (
    discover_modes,
    draw_members,
    draw_modes_of_classes,
    measure_modes,
    tabulate_modes,
)


def create_pipeline() -> Pipeline:
    """Build the discover_modes stage."""
    return pipeline(
        [
            node(
                discover_modes,
                ["latents", "train_images", "params:modes"],
                "modes",
                name="discover_modes",
            ),
            node(measure_modes, "modes", "modes_metrics", name="measure_modes"),
            node(tabulate_modes, ["benchmark", "modes"], "mode_scores", name="tabulate_modes"),
            node(
                draw_modes_of_classes,
                ["benchmark", "modes", "params:modes"],
                "modes_plot",
                name="draw_modes",
            ),
            node(
                draw_members,
                ["benchmark", "train_images", "latents", "modes", "params:modes"],
                "members_sheet",
                name="draw_members",
            ),
        ],
        namespace="discover_modes",
        prefix_datasets_with_namespace=False,
        tags="discover_modes",
    )
