"""Compare the images of all methods: diversity, representativeness and cost."""

from mgd3_kedro.pipelines.report_methods.pipeline import create_class_pipeline, create_pipeline

__all__ = ["create_class_pipeline", "create_pipeline"]
