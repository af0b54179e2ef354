"""The pretrain pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.pretrain.denoising import measure_denoising
from mgd3_kedro.pipelines.pretrain.drawing import draw_latents
from mgd3_kedro.pipelines.pretrain.judge import train_judge
from mgd3_kedro.pipelines.pretrain.judging import draw_samples, judge_samples
from mgd3_kedro.pipelines.pretrain.latents import encode_split
from mgd3_kedro.pipelines.pretrain.measuring import measure_memorisation, measure_reconstruction
from mgd3_kedro.pipelines.pretrain.nodes import (
    assemble_prior,
    train_autoencoder,
    train_denoiser,
)
from mgd3_kedro.pipelines.pretrain.tuning import tune_guidance


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
            *(
                node(
                    encode_split,
                    ["benchmark", f"{split}_images", "autoencoder", "params:pretrain.denoiser"],
                    f"{split}_latents",
                    name=f"encode_{split}_split",
                )
                for split in ("train", "test")
            ),
            node(
                train_denoiser,
                [
                    "benchmark",
                    "train_images",
                    "train_latents",
                    "autoencoder",
                    "checkpoints",
                    "params:pretrain.denoiser",
                    "params:device",
                ],
                ["denoiser", "denoiser_curve"],
                name="train_denoiser",
            ),
            node(
                measure_denoising,
                [
                    "benchmark",
                    "train_latents",
                    "test_latents",
                    "denoiser",
                    "params:pretrain.denoiser",
                    "params:diffusion",
                ],
                ["denoising_metrics", "denoising"],
                name="measure_denoising",
            ),
            node(
                measure_reconstruction,
                ["benchmark", "train_images", "test_images", "autoencoder"],
                "reconstruction_metrics",
                name="measure_reconstruction",
            ),
            node(
                tune_guidance,
                [
                    "benchmark",
                    "train_images",
                    "autoencoder",
                    "denoiser",
                    "checkpoints",
                    "params:pretrain.denoiser",
                    "params:diffusion",
                    "params:evaluation",
                    "params:pretrain.tuning",
                ],
                ["guidance_tuning", "sampling_defaults"],
                name="tune_guidance",
            ),
            node(
                draw_latents,
                [
                    "benchmark",
                    "denoiser",
                    "params:pretrain.denoiser",
                    "params:diffusion",
                    "sampling_defaults",
                    "params:pretrain.judge",
                ],
                "sample_latents",
                name="draw_latents",
            ),
            node(
                train_judge,
                [
                    "benchmark",
                    "train_images",
                    "test_images",
                    "checkpoints",
                    "params:evaluation",
                    "params:pretrain.judge",
                ],
                "judge",
                name="train_judge",
            ),
            node(
                judge_samples,
                ["benchmark", "test_images", "autoencoder", "sample_latents", "judge"],
                ["judge_metrics", "prior_samples"],
                name="judge_samples",
            ),
            node(
                draw_samples,
                ["benchmark", "prior_samples", "sampling_defaults"],
                "prior_sheet",
                name="draw_samples",
            ),
            node(
                measure_memorisation,
                ["benchmark", "train_latents", "test_latents", "sample_latents"],
                ["memorisation_metrics", "memorisation", "memorisation_plot"],
                name="measure_memorisation",
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
                    "denoising_metrics",
                    "judge_metrics",
                    "memorisation_metrics",
                    "guidance_tuning",
                    "sampling_defaults",
                    "params:pretrain.judge",
                ],
                "trained_prior",
                name="assemble_prior",
            ),
        ],
        tags="pretrain",
    )
