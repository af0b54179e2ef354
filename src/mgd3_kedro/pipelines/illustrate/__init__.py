"""Show mode guidance where the modes are known: on a mixture that needs no weights."""

from mgd3_kedro.pipelines.illustrate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
