"""The train_eval stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.train_eval.nodes import (
    collect_rows,
    draw_accuracy,
    measure_accuracy,
    train_networks,
)


def create_pipeline() -> Pipeline:
    """Build the train_eval stage."""
    return pipeline(
        [
            node(
                train_networks,
                [
                    "benchmark",
                    "evaluated_images",
                    "test_images",
                    "params:evaluation",
                    "params:trainings",
                    "params:method",
                    "params:backbone",
                    "params:seed",
                ],
                "trainings",
                name="train_networks",
            ),
            node(
                collect_rows, "trainings", ["result_rows", "training_curves"], name="collect_rows"
            ),
            node(measure_accuracy, "result_rows", "train_eval_metrics", name="measure_accuracy"),
            node(
                draw_accuracy,
                ["benchmark", "trainings", "training_curves"],
                ["training_curves_plot", "confusion_plot"],
                name="draw_accuracy",
            ),
        ],
        tags="train_eval",
    )
