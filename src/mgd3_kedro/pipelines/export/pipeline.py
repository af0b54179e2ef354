"""The export pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.export.nodes import assemble_export
from mgd3_kedro.pipelines.export.soft_labels import label_exported_images

OF_PRIOR = {
    "model": "params:model",
    "backbone": "params:backbone",
    "backbones": "params:backbones",
    "prior_folder": "prior_folder",
}
"""Argument -> dataset that identifies the model that images were sampled from."""


def create_pipeline(*, is_drawn: bool, soft_labels: bool) -> Pipeline:
    """Build the export pipeline.

    Args:
        is_drawn: Whether the images were sampled from a model.
        soft_labels: Whether to add the logits of a teacher.
    """
    read = {
        "benchmark": "benchmark",
        "evaluated_images": "evaluated_images",
        "method": "params:method",
        "settings": "settings_of_evaluated_images",
        "config": "params:export",
        "source": "params:source",
        "sources": "params:sources",
        "rows": "rows_of_images",
        **(OF_PRIOR if is_drawn else {}),
        **({"exported_logits": "exported_logits"} if soft_labels else {}),
    }
    assembling = pipeline([node(assemble_export, read, "exported_set", name="assemble_export")])
    return pipeline(assembling + (_labelling() if soft_labels else pipeline([])), tags="export")


def _labelling() -> Pipeline:
    return pipeline(
        [
            node(
                label_exported_images,
                [
                    "benchmark",
                    "evaluated_images",
                    "teacher",
                    "params:evaluation.image_size",
                    "params:device",
                ],
                "exported_logits",
                name="label_exported_images",
            )
        ]
    )
