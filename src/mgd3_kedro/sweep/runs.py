"""The MLflow runs of a sweep: one parent, and a child for every session."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeVar

from mlflow.entities import Param
from mlflow.tracking import MlflowClient

from mgd3_kedro.tracking.processes import process_tags, settle_dead_runs
from mgd3_kedro.tracking.runs import PARAMETER_LENGTH
from mgd3_kedro.tracking.store import is_unreachable
from mgd3_kedro.version import code_version

logger = logging.getLogger(__name__)

SWEEP_TAG, BENCHMARK_TAG = "sweep", "benchmark"
PARENT_TAG = "mlflow.parentRunId"
Answer = TypeVar("Answer")


class SweepRuns:
    """MLflow runs of sweeps; a sweep that is repeated continues under the same parent run.

    If the server does not answer, there is no parent run, and sessions open runs of their own.

    Args:
        uri: Address of the MLflow store.
        experiment: Name of the experiment.
        benchmark: Benchmark of the sweeps; each benchmark has its own parent runs.
        grids: Sweep -> axis -> its values, which are logged as parameters; for other sweeps,
            nothing is logged.
    """

    def __init__(
        self, uri: str, experiment: str, benchmark: str, grids: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._client: MlflowClient | None = MlflowClient(uri)
        self._benchmark = benchmark
        self._grids = grids
        self._parents: dict[str, str] = {}
        self._experiment = self._ask(lambda client: _find_experiment(client, experiment), "")
        self._ask(lambda client: settle_dead_runs(client, self._experiment), None)

    def open_child(self, sweep: str, point: str) -> str:
        """Open the run that a point's session continues; return its id, empty without a server."""
        return self._ask(lambda client: self._open_child(client, sweep, point), "")

    def settle_child(self, run_id: str, status: str, error: str = "") -> None:
        """Close a run that its session left open, and record the error if it did not."""
        if run_id:
            self._ask(lambda client: _settle(client, run_id, status, error), None)

    def close(self, failed: Collection[str], *, killed: bool) -> None:
        """Close the parent runs.

        Args:
            failed: Sweeps with a failed point.
            killed: Whether the loop was stopped before its end.
        """
        for sweep, parent in self._parents.items():
            ended = "FAILED" if sweep in failed else "FINISHED"
            status = "KILLED" if killed else ended
            self._ask(partial(_end, run_id=parent, status=status), None)

    def _ask(self, ask: Callable[[MlflowClient], Answer], otherwise: Answer) -> Answer:
        """Call the store; after the first call without an answer, do not call it again."""
        if self._client is None:
            return otherwise
        try:
            return ask(self._client)
        except Exception as error:
            if not is_unreachable(error):
                raise
            self._client = None
            logger.warning(
                "the MLflow server does not answer: the runs of this sweep get no parent run"
            )
            return otherwise

    def _open_child(self, client: MlflowClient, sweep: str, point: str) -> str:
        if sweep not in self._parents:
            self._parents[sweep] = self._open_parent(client, sweep)
        # With these tags, the next process can close the run if this one is killed before the
        # session continues it.
        tags = {PARENT_TAG: self._parents[sweep], **process_tags()}
        run = client.create_run(self._experiment, tags=tags, run_name=point)
        return str(run.info.run_id)

    def _open_parent(self, client: MlflowClient, sweep: str) -> str:
        tags = {"code_version": code_version(), **process_tags()}
        own = {SWEEP_TAG: sweep, BENCHMARK_TAG: self._benchmark}
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in own.items())
        found = client.search_runs([self._experiment], filter_string=wanted, max_results=1)
        if not found:
            return self._make_parent(client, sweep, {**own, **tags})
        parent = str(found[0].info.run_id)
        # Set the tags first, so that a run with status RUNNING always names its process.
        for key, value in tags.items():
            client.set_tag(parent, key, value)
        client.update_run(parent, status="RUNNING")
        return parent

    def _make_parent(self, client: MlflowClient, sweep: str, tags: dict[str, str]) -> str:
        run = client.create_run(self._experiment, tags=tags, run_name=sweep)
        grid = self._grids.get(sweep, {}).items()
        params = [Param(key, values[:PARAMETER_LENGTH]) for key, values in grid]
        client.log_batch(run.info.run_id, params=params)
        return str(run.info.run_id)


def _find_experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        raise ValueError(f"expected the MLflow experiment {name}, found none")
    return str(found.experiment_id)


def _end(client: MlflowClient, run_id: str, status: str) -> None:
    client.set_terminated(run_id, status)


def _settle(client: MlflowClient, run_id: str, status: str, error: str) -> None:
    run = client.get_run(run_id)
    if error and "error" not in run.data.tags:
        client.set_tag(run_id, "error", error[:5000])
    if run.info.status == "RUNNING":
        client.set_terminated(run_id, status)
