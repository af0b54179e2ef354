"""Find the modes of every class."""

from mgd3_kedro.pipelines.discover_modes.pipeline import create_pipeline

__all__ = ["create_pipeline"]
