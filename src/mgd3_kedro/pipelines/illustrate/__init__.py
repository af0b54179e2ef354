"""Illustrate mode guidance on a Gaussian mixture, whose modes are known."""

from mgd3_kedro.pipelines.illustrate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
