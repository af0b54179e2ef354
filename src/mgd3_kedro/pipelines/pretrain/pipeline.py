"""The pretrain pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.pretrain.judging import draw_samples, judge_samples
from mgd3_kedro.pipelines.pretrain.nodes import (
    assemble_prior,
    measure_reconstruction,
    train_autoencoder,
    train_denoiser,
)


def create_pipeline() -> Pipeline:
    """Build the pretrain pipeline."""
    return pipeline(
        [
            node(
                train_autoencoder,
                [
                    "benchmark",
                    "train_images",
                    "checkpoints",
                    "params:pretrain.autoencoder",
                    "params:device",
                ],
                ["autoencoder", "autoencoder_curve"],
                name="train_autoencoder",
            ),
            node(
                train_denoiser,
                [
                    "benchmark",
                    "train_images",
                    "autoencoder",
                    "checkpoints",
                    "params:pretrain.denoiser",
                    "params:device",
                ],
                ["denoiser", "denoiser_curve"],
                name="train_denoiser",
            ),
            node(
                measure_reconstruction,
                ["benchmark", "train_images", "autoencoder"],
                "reconstruction_metrics",
                name="measure_reconstruction",
            ),
            node(
                judge_samples,
                [
                    "benchmark",
                    "train_images",
                    "autoencoder",
                    "denoiser",
                    "params:diffusion",
                    "params:evaluation",
                    "params:pretrain.judge",
                ],
                ["judge_metrics", "prior_samples"],
                name="judge_samples",
            ),
            node(
                draw_samples,
                ["benchmark", "prior_samples", "params:pretrain.judge"],
                "prior_sheet",
                name="draw_samples",
            ),
            node(
                assemble_prior,
                [
                    "benchmark",
                    "autoencoder",
                    "denoiser",
                    "params:pretrain.autoencoder",
                    "params:pretrain.denoiser",
                    "reconstruction_metrics",
                    "judge_metrics",
                    "params:pretrain.judge",
                ],
                "trained_prior",
                name="assemble_prior",
            ),
        ],
        tags="pretrain",
    )
