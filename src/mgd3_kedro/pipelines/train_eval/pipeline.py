"""The train_eval stage, and the same on all real images."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.train_eval.nodes import fit_test_images, label_images, train_networks
from mgd3_kedro.pipelines.train_eval.results import collect_rows, draw_accuracy, measure_accuracy

SHARED = ("benchmark", "fitted_test_images", "teacher")
PARAMETERS = ("backbone", "evaluation", "trainings", "seed", "split", "variant")


def create_pipeline() -> Pipeline:
    """Build the train_eval stage."""
    return _fitting() + _training()


def create_full_pipeline() -> Pipeline:
    """Build the same stage for networks that are trained on the whole train split."""
    on_real_images = pipeline(
        _training(),
        namespace="full",
        inputs={**{name: name for name in SHARED}, "evaluated_images": "train_images"},
        parameters={
            **{f"params:{name}": f"params:{name}" for name in PARAMETERS},
            "params:method": "params:upper_bound",
        },
        tags="train_full",
    )
    return _fitting() + on_real_images


def _fitting() -> Pipeline:
    return pipeline(
        [
            node(
                fit_test_images,
                [
                    "benchmark",
                    "test_images",
                    "params:protocol",
                    "params:evaluation.image_size",
                ],
                "fitted_test_images",
                name="fit_test_images",
            )
        ],
        tags="train_eval",
    )


def _training() -> Pipeline:
    return pipeline(
        [
            node(
                label_images,
                [
                    "benchmark",
                    "evaluated_images",
                    "teacher",
                    "params:evaluation",
                    "params:trainings",
                    "params:seed",
                ],
                "soft_labels",
                name="label_images",
            ),
            node(
                train_networks,
                [
                    "benchmark",
                    "evaluated_images",
                    "fitted_test_images",
                    "teacher",
                    "soft_labels",
                    "training_checkpoints",
                    "params:evaluation",
                    "params:trainings",
                    "params:method",
                    "params:backbone",
                    "params:seed",
                    "params:variant",
                    "params:split",
                ],
                "trainings",
                name="train_networks",
            ),
            node(
                collect_rows,
                ["benchmark", "trainings"],
                ["result_rows", "training_curves", "class_accuracies"],
                name="collect_rows",
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
