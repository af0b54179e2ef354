"""The encode stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.encode.nodes import encode_images, measure_encoding


def create_pipeline() -> Pipeline:
    """Build the encode stage."""
    return pipeline(
        [
            node(
                encode_images,
                ["benchmark", "train_images", "prior", "params:backbone", "params:device"],
                "latents",
                name="encode_images",
            ),
            node(measure_encoding, "latents", "encode_metrics", name="measure_encoding"),
        ],
        tags="encode",
    )
