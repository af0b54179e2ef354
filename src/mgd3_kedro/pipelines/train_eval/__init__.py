"""Train networks on distilled images and test them on real ones."""

from mgd3_kedro.pipelines.train_eval.pipeline import (
    create_full_pipeline,
    create_pipeline,
    create_redundancy_pipeline,
)

__all__ = ["create_full_pipeline", "create_pipeline", "create_redundancy_pipeline"]
