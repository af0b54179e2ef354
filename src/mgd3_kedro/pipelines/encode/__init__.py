"""Encode the real images of every class into scaled latents."""

from mgd3_kedro.pipelines.encode.pipeline import create_pipeline

__all__ = ["create_pipeline"]
