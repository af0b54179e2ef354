"""The train_teacher pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.train_teacher.nodes import train_teacher


def create_pipeline() -> Pipeline:
    """Build the train_teacher pipeline."""
    return pipeline(
        [
            node(
                train_teacher,
                [
                    "benchmark",
                    "train_images",
                    "test_images",
                    "checkpoints",
                    "params:teacher_training",
                ],
                ["teacher", "teacher_metrics", "teacher_curve"],
                name="train_teacher",
            )
        ],
        tags="train_teacher",
    )
