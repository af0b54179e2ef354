"""The MLflow runs of a sweep: one parent, and a child for every session."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Mapping

from mlflow.entities import Param
from mlflow.tracking import MlflowClient

from mgd3_kedro.tracking.runs import HOST_TAG, PARAMETER_LENGTH, PROCESS_TAG
from mgd3_kedro.version import code_version

SWEEP_TAG = "sweep"
PARENT_TAG = "mlflow.parentRunId"


class SweepRuns:
    """Opens and closes runs; a sweep that is repeated goes on under the same parent.

    Args:
        experiment: Name of the experiment.
        grids: Sweep -> what is varied -> its values.
    """

    def __init__(self, experiment: str, grids: Mapping[str, Mapping[str, str]]) -> None:
        self._client = MlflowClient()
        found = self._client.get_experiment_by_name(experiment)
        if found is None:
            raise ValueError(f"expected the MLflow experiment {experiment}, found none")
        self._experiment = found.experiment_id
        self._grids = grids
        self._parents: dict[str, str] = {}

    def open_child(self, sweep: str, point: str) -> str:
        """Open the run of a point's session, which goes on with it; returns its id."""
        if sweep not in self._parents:
            self._parents[sweep] = self._open_parent(sweep)
        tags = {PARENT_TAG: self._parents[sweep]}
        run = self._client.create_run(self._experiment, tags=tags, run_name=point)
        return str(run.info.run_id)

    def settle_child(self, run_id: str, status: str, error: str = "") -> None:
        """Close a run that its session left open, and note why if the session did not."""
        run = self._client.get_run(run_id)
        if error and "error" not in run.data.tags:
            self._client.set_tag(run_id, "error", error[:5000])
        if run.info.status == "RUNNING":
            self._client.set_terminated(run_id, status)

    def close(self, failed: Collection[str], *, killed: bool) -> None:
        """Close the parents.

        Args:
            failed: Sweeps of which a point failed.
            killed: Whether the loop did not come to its end.
        """
        for sweep, parent in self._parents.items():
            ended = "FAILED" if sweep in failed else "FINISHED"
            self._client.set_terminated(parent, "KILLED" if killed else ended)

    def _open_parent(self, sweep: str) -> str:
        found = self._client.search_runs(
            [self._experiment], filter_string=f"tags.`{SWEEP_TAG}` = '{sweep}'", max_results=1
        )
        parent = str(found[0].info.run_id) if found else self._make_parent(sweep)
        self._client.update_run(parent, status="RUNNING")
        # Whoever starts next marks the run if this process is killed.
        tags = {
            "code_version": code_version(),
            HOST_TAG: platform.node(),
            PROCESS_TAG: str(os.getpid()),
        }
        for key, value in tags.items():
            self._client.set_tag(parent, key, value)
        return parent

    def _make_parent(self, sweep: str) -> str:
        run = self._client.create_run(self._experiment, tags={SWEEP_TAG: sweep}, run_name=sweep)
        grid = self._grids[sweep].items()
        params = [Param(key, values[:PARAMETER_LENGTH]) for key, values in grid]
        self._client.log_batch(run.info.run_id, params=params)
        return str(run.info.run_id)
