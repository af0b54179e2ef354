"""Export a set of images for others."""

from mgd3_kedro.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
