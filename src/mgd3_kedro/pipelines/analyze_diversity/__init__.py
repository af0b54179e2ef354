"""Measure how diverse and how representative the distilled images are."""

from mgd3_kedro.pipelines.analyze_diversity.pipeline import create_pipeline

__all__ = ["create_pipeline"]
