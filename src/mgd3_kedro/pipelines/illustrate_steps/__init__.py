"""Show how a few images come out of noise, with mode guidance that stops early or late."""

from mgd3_kedro.pipelines.illustrate_steps.pipeline import create_pipeline

__all__ = ["create_pipeline"]
