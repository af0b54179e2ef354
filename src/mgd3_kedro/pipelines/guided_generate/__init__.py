"""Make the images of every class, one per mode."""

from mgd3_kedro.pipelines.guided_generate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
