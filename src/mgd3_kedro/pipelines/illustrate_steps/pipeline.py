"""The illustrate_steps pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.illustrate_steps.nodes import draw_steps, draw_strip


def create_pipeline() -> Pipeline:
    """Build the illustrate_steps pipeline."""
    return pipeline(
        [
            node(
                draw_steps,
                [
                    "benchmark",
                    "latents",
                    "modes",
                    "prior",
                    "params:steps",
                    "params:diffusion",
                    "params:autoencoder",
                    "params:sampling",
                    "params:seed",
                ],
                "denoising_frames",
                name="draw_steps",
            ),
            node(
                draw_strip,
                ["benchmark", "denoising_frames"],
                "denoising_strip",
                name="draw_strip",
            ),
        ],
        tags="illustrate_steps",
    )
