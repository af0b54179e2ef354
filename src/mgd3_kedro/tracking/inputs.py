"""Records of a run's input data: real images, weights of the prior, distilled images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.stages import Partition, name_together

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput


class InputLabel(NamedTuple):
    """Name and context of an input in MLflow.

    Args:
        name: Template of the name, with parameters in braces.
        context: Role of the input in the run.
    """

    name: str
    context: str


DISTILLED = InputLabel("{benchmark} {method} ipc{ipc} seed{seed}", "distilled")
INPUTS = {
    "train_images": InputLabel("{benchmark}/{split} train", "real"),
    "test_images": InputLabel("{benchmark}/{split} test", "test"),
    "prior": InputLabel("{model}", "prior"),
    "distilled_images": DISTILLED,
    "evaluated_images": DISTILLED,
}
"""Catalog entry -> its name and context in MLflow."""


def describe_input(
    entry: str,
    data: Partition | Mapping[str, Partition],
    source: str,
    parameters: Mapping[str, Any],
) -> DatasetInput:
    """Return MLflow's record of an input; runs that read the same content record the same digest.

    Args:
        entry: A name of `INPUTS`.
        data: The partition, or wnid -> partition; none is loaded.
        source: Location of the data.
        parameters: Parameters of the run, nested.

    Returns:
        The record. Its digest is that of all contents; for distilled images, it is the `data_set`
        of their result rows.
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
