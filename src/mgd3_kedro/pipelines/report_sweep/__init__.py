"""Put the points of a sweep into a table, and draw what its knob does."""

from mgd3_kedro.pipelines.report_sweep.pipeline import create_images_pipeline, create_pipeline

__all__ = ["create_images_pipeline", "create_pipeline"]
