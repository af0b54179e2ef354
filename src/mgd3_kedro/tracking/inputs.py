"""Which data a run read: the real images, the weights of the prior, the distilled images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.stages import Partition, name_together

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput


class Told(NamedTuple):
    """How an input is told.

    Args:
        name: With parameters in braces.
        context: What it is to the run.
    """

    name: str
    context: str


DISTILLED = Told("{benchmark} {method} ipc{ipc} seed{seed}", "distilled")
INPUTS = {
    "train_images": Told("{benchmark}/{split} train", "real"),
    "test_images": Told("{benchmark}/{split} test", "test"),
    "prior": Told("{model}", "prior"),
    "distilled_images": DISTILLED,
    "evaluated_images": DISTILLED,
}
"""Catalog entry -> how it is told."""


def describe_input(
    entry: str,
    data: Partition | Mapping[str, Partition],
    source: str,
    parameters: Mapping[str, Any],
) -> DatasetInput:
    """Return what MLflow is told of an input; runs that read the same content have its digest.

    Args:
        entry: One of `INPUTS`.
        data: The partition, or wnid -> partition; none is loaded.
        source: Where it is.
        parameters: Of the run.

    Returns:
        The input. Its digest is that of the contents together: of distilled images the `data_set`
        of their rows.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    parts = [data] if isinstance(data, Partition) else list(data.values())
    given = parameters["images"] if entry == "evaluated_images" else None
    name, context = INPUTS[entry]
    counts = {"classes": len(parts), "images": sum(part.count for part in parts)}
    dataset = Dataset(
        name=given or name.format_map(parameters),
        digest=name_together(parts),
        source_type="local",
        source=json.dumps({"uri": source}),
        profile=json.dumps(counts) if counts["images"] else None,
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])
