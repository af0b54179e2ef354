"""Make the distilled images of every class."""

from mgd3_kedro.pipelines.guided_generate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
