"""Show the denoising of a few images, with mode guidance that stops at different steps."""

from mgd3_kedro.pipelines.illustrate_steps.pipeline import create_pipeline

__all__ = ["create_pipeline"]
