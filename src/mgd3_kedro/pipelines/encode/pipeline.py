"""The encode stage."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.encode.nodes import (
    describe_benchmark,
    encode_images,
    measure_encoding,
)


def create_pipeline() -> Pipeline:
    """Build the encode stage."""
    return pipeline(
        [
            node(
                describe_benchmark,
                ["benchmark", "train_images"],
                "benchmark_description",
                name="describe_benchmark",
            ),
            node(
                encode_images,
                ["benchmark", "train_images", "prior", "params:autoencoder", "params:encoding"],
                "latents",
                name="encode_images",
            ),
            node(
                measure_encoding,
                ["benchmark", "train_images", "latents", "prior", "params:autoencoder"],
                "encode_metrics",
                name="measure_encoding",
            ),
        ],
        namespace="encode",
        prefix_datasets_with_namespace=False,
        tags="encode",
    )
