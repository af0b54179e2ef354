"""Tabulate the points of a sweep, and draw the results over its varied parameter."""

from mgd3_kedro.pipelines.report_sweep.pipeline import create_images_pipeline, create_pipeline

__all__ = ["create_images_pipeline", "create_pipeline"]
