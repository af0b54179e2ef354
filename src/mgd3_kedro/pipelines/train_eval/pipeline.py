"""The train_eval stage, the same stage on all real images, and the redundancy diagnostic."""

from kedro.pipeline import Node, Pipeline, node, pipeline

from mgd3_kedro.pipelines.train_eval.nodes import fit_test_images, label_images, train_networks
from mgd3_kedro.pipelines.train_eval.redundancy import (
    measure_redundancy,
    tabulate_redundancy,
    train_on_increments,
)
from mgd3_kedro.pipelines.train_eval.results import collect_rows, draw_accuracy, measure_accuracy

SHARED = ("benchmark", "fitted_test_images", "teacher")
TAUGHT = {"given": (), "teacher": ("teacher",), "stored": ("soft_labels",)}
"""Source of a protocol's labels -> catalog entries that trainings read for them."""


def create_pipeline(labels: str = "given", *, keeps_real: bool = False) -> Pipeline:
    """Build the train_eval stage.

    Args:
        labels: Source of the protocol's labels: "given", "teacher" or "stored".
        keeps_real: Whether the images to train on are selected train images, which are read from
            their files.
    """
    training = _training(labels, ("train_images",) if keeps_real else ())
    return _fitting() + _in_stage(training)


def create_full_pipeline(labels: str = "given") -> Pipeline:
    """Build the train_eval stage on the whole train split, for the upper bound.

    Args:
        labels: Source of the protocol's labels: "given", "teacher" or "stored".
    """
    training = _training(labels, ())
    free = training.inputs()
    on_real_images = pipeline(
        training,
        namespace="full",
        inputs={
            **{name: name for name in SHARED if name in free},
            "evaluated_images": "train_images",
        },
        parameters={
            **{name: name for name in free if name.startswith("params:")},
            "params:method": "params:upper_bound",
        },
        tags=["train_eval", "train_full"],
    )
    return _fitting() + on_real_images


def create_redundancy_pipeline(labels: str = "given", *, keeps_real: bool = False) -> Pipeline:
    """Build a diagnostic of redundancy: networks trained on some images are tested on the others.

    Args:
        labels: Source of the protocol's labels: "given", "teacher" or "stored".
        keeps_real: See `create_pipeline`.
    """
    asked = (*(("teacher",) if TAUGHT[labels] else ()), *(("train_images",) if keeps_real else ()))
    return pipeline(
        [
            node(
                train_on_increments,
                {
                    "benchmark": "benchmark",
                    "evaluated_images": "evaluated_images",
                    "training_checkpoints": "training_checkpoints",
                    "config": "params:evaluation",
                    "networks": "params:trainings.networks",
                    "mode_weight_exponent": "params:trainings.mode_weight_exponent",
                    "redundancy": "params:redundancy",
                    "seed": "params:seed",
                    **{name: name for name in asked},
                },
                "redundancy_trainings",
                name="train_on_increments",
            ),
            node(
                tabulate_redundancy,
                "redundancy_trainings",
                "redundancy",
                name="tabulate_redundancy",
            ),
            node(measure_redundancy, "redundancy", "redundancy_metrics", name="measure_redundancy"),
        ],
        namespace="redundancy",
        prefix_datasets_with_namespace=False,
        tags="redundancy",
    )


def _in_stage(nodes: list[Node] | Pipeline) -> Pipeline:
    return pipeline(
        nodes, namespace="train_eval", prefix_datasets_with_namespace=False, tags="train_eval"
    )


def _fitting() -> Pipeline:
    return _in_stage(
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
        ]
    )


def _training(labels: str, files: tuple[str, ...]) -> Pipeline:
    further = {name: name for name in (*TAUGHT[labels], *files)}
    storing = node(
        label_images,
        [
            "benchmark",
            "evaluated_images",
            "teacher",
            "params:evaluation",
            "params:trainings.networks",
            "params:seed",
            *files,
        ],
        "soft_labels",
        name="label_images",
    )
    nodes = [
        node(
            train_networks,
            {
                "benchmark": "benchmark",
                "evaluated_images": "evaluated_images",
                "fitted_test_images": "fitted_test_images",
                "training_checkpoints": "training_checkpoints",
                "config": "params:evaluation",
                "trainings": "params:trainings",
                "seed": "params:seed",
                **further,
            },
            "trainings",
            name="train_networks",
        ),
        node(
            collect_rows,
            [
                "benchmark",
                "evaluated_images",
                "trainings",
                "settings_of_rows",
                "params:evaluation",
                "params:method",
                "params:backbone",
                "params:split",
                "params:seed",
            ],
            ["result_rows", "training_curves", "class_accuracies"],
            name="collect_rows",
        ),
        node(measure_accuracy, "result_rows", "train_eval_metrics", name="measure_accuracy"),
        node(
            draw_accuracy,
            ["benchmark", "trainings", "training_curves", "params:method", "params:seed"],
            ["training_curves_plot", "confusion_plot"],
            name="draw_accuracy",
        ),
    ]
    return pipeline([*([storing] if labels == "stored" else []), *nodes])
