"""The MLflow runs of a sweep: one parent, and a child for every session."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping

from mlflow.entities import Param
from mlflow.tracking import MlflowClient

from mgd3_kedro.tracking import HOST_TAG, PARAMETER_LENGTH, PROCESS_TAG
from mgd3_kedro.version import code_version

SWEEP_TAG = "sweep"
PARENT_TAG = "mlflow.parentRunId"
SECONDS = "/run_seconds"


class SweepRuns:
    """Opens, watches and closes runs; a sweep that is repeated goes on under the same parent.

    Args:
        experiment: Name of the experiment.
        name: Name of the sweep.
        grid: What is varied, and its values.
    """

    def __init__(self, experiment: str, name: str, grid: Mapping[str, str]) -> None:
        self._client = MlflowClient()
        found = self._client.get_experiment_by_name(experiment)
        if found is None:
            raise ValueError(f"expected the MLflow experiment {experiment}, found none")
        self._experiment = found.experiment_id
        self.parent = self._find_parent(name) or self._make_parent(name, grid)
        self._client.update_run(self.parent, status="RUNNING")
        # Whoever starts next marks the run if this process is killed.
        tags = {
            "code_version": code_version(),
            HOST_TAG: platform.node(),
            PROCESS_TAG: str(os.getpid()),
        }
        for key, value in tags.items():
            self._client.set_tag(self.parent, key, value)

    def open_child(self, point: str) -> str:
        """Open the run of a point's session, which goes on with it; returns its id."""
        tags = {PARENT_TAG: self.parent}
        run = self._client.create_run(self._experiment, tags=tags, run_name=point)
        return str(run.info.run_id)

    def settle_child(self, run_id: str, status: str, error: str = "") -> None:
        """Close a run that its session left open, and note why if the session did not."""
        run = self._client.get_run(run_id)
        if error and "error" not in run.data.tags:
            self._client.set_tag(run_id, "error", error[:5000])
        if run.info.status == "RUNNING":
            self._client.set_terminated(run_id, status)

    def finished_nodes(self, run_id: str) -> set[str]:
        """Return the nodes that a session is through with."""
        metrics = self._client.get_run(run_id).data.metrics
        return {name.removesuffix(SECONDS) for name in metrics if name.endswith(SECONDS)}

    def close(self, status: str) -> None:
        """Close the parent."""
        self._client.set_terminated(self.parent, status)

    def _find_parent(self, name: str) -> str | None:
        found = self._client.search_runs(
            [self._experiment], filter_string=f"tags.`{SWEEP_TAG}` = '{name}'", max_results=1
        )
        return str(found[0].info.run_id) if found else None

    def _make_parent(self, name: str, grid: Mapping[str, str]) -> str:
        run = self._client.create_run(self._experiment, tags={SWEEP_TAG: name}, run_name=name)
        params = [Param(key, values[:PARAMETER_LENGTH]) for key, values in grid.items()]
        self._client.log_batch(run.info.run_id, params=params)
        return str(run.info.run_id)
