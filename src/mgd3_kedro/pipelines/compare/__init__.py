"""Compare the result rows of all runs."""

from mgd3_kedro.pipelines.compare.pipeline import create_pipeline

__all__ = ["create_pipeline"]
