"""Train a network on all real images, for others to learn from."""

from mgd3_kedro.pipelines.train_teacher.pipeline import create_pipeline

__all__ = ["create_pipeline"]
