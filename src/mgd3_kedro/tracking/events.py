"""Events that are written to an MLflow run, as plain values, so that they can be written later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

END = "end"


def write_event(client: MlflowClient, run_id: str, kind: str, values: Any) -> None:
    """Write an event to a run.

    Args:
        client: Client of the store.
        run_id: Id of the run.
        kind: A name of `WRITERS`.
        values: Plain values; the writer of the kind says which.
    """
    WRITERS[kind](client, run_id, values)


def _parameters(client: MlflowClient, run_id: str, values: dict[str, str]) -> None:
    """Name -> value."""
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(name, value) for name, value in values.items()])


def _tags(client: MlflowClient, run_id: str, values: dict[str, str]) -> None:
    """Name -> value."""
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in values.items()])


def _metrics(client: MlflowClient, run_id: str, values: list[tuple[str, float, int, int]]) -> None:
    """Points (name, value, milliseconds, step)."""
    from mlflow.entities import Metric

    client.log_batch(run_id, metrics=[Metric(*point) for point in values])


def _inputs(client: MlflowClient, run_id: str, values: list[tuple[dict[str, str], Any]]) -> None:
    """Pairs (fields of a data set, its tags)."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.exceptions import MlflowException

    inputs = [
        DatasetInput(Dataset(**dataset), [InputTag(*tag) for tag in tags.items()])
        for dataset, tags in values
    ]
    try:
        client.log_inputs(run_id, datasets=inputs)
    except MlflowException as error:
        # If two runs create the same data set at the same time, one of them fails and tries again.
        if "unique constraint" not in str(error).lower():
            raise
        client.log_inputs(run_id, datasets=inputs)


def _file(client: MlflowClient, run_id: str, values: str) -> None:
    """Path of a file; a file that no longer exists is left out."""
    if Path(values).is_file():
        client.log_artifact(run_id, values)


def _text(client: MlflowClient, run_id: str, values: tuple[str, str]) -> None:
    """Name and content of a file."""
    name, text = values
    client.log_text(run_id, text, name)


def _views(client: MlflowClient, run_id: str, values: dict[str, str]) -> None:
    """Tag of the experiment -> value."""
    experiment = client.get_run(run_id).info.experiment_id
    tags = client.get_experiment(experiment).tags
    for name, value in values.items():
        if tags.get(name) != value:
            client.set_experiment_tag(experiment, name, value)


def _end(client: MlflowClient, run_id: str, values: tuple[str, int]) -> None:
    """Status and milliseconds."""
    status, when = values
    client.set_terminated(run_id, status, when)


WRITERS: dict[str, Callable[[MlflowClient, str, Any], None]] = {
    "parameters": _parameters,
    "tags": _tags,
    "metrics": _metrics,
    "inputs": _inputs,
    "file": _file,
    "text": _text,
    "views": _views,
    END: _end,
}
"""Kind of event -> function that writes it."""
