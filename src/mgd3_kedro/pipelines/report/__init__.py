"""Report the results of a run on one HTML page."""

from mgd3_kedro.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
