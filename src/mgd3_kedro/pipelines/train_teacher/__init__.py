"""Train a teacher on all real images."""

from mgd3_kedro.pipelines.train_teacher.pipeline import create_pipeline

__all__ = ["create_pipeline"]
