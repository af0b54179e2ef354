"""Train the autoencoder and the denoiser of a prior on the benchmark's own train split."""

from mgd3_kedro.pipelines.pretrain.pipeline import create_pipeline

__all__ = ["create_pipeline"]
