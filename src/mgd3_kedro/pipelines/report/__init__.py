"""Put what a run made on one page, for people who look at it, print it or pass it on."""

from mgd3_kedro.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
