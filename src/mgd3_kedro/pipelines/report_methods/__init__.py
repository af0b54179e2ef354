"""Show the images of all methods side by side: how diverse, how representative, at what cost."""

from mgd3_kedro.pipelines.report_methods.pipeline import create_class_pipeline, create_pipeline

__all__ = ["create_class_pipeline", "create_pipeline"]
