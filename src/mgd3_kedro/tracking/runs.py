"""One MLflow run: what is written to it, and how it ends."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.environment import command, environment
from mgd3_kedro.tracking.events import END, write_event
from mgd3_kedro.tracking.pending import Head, Pending
from mgd3_kedro.tracking.processes import process_tags, settle_dead_runs
from mgd3_kedro.tracking.store import impatient, is_unreachable
from mgd3_kedro.version import code_version

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)

PARAMETER_LENGTH = 6000
UNNAMEABLE = re.compile(r"[^\w/.\- :]")
"""Characters that MLflow does not allow in the name of a metric."""
RUN_ID = "MLFLOW_RUN_ID"
"""Environment variable with the id of a run that a sweep opened and this process continues."""


class RunTracker:
    """Writes to one MLflow run, and records its end in every case.

    If the server does not answer, events are kept in a file of the project.

    Args:
        run_id: Id of the run; None if the server has not created it.
        head: Start of the run: its store, name, time and tags.
        project: Folder of the project.
        experiment: Id of the run's experiment; None if there is no run yet.
    """

    def __init__(
        self, run_id: str | None, head: Head, project: Path, experiment: str | None = None
    ) -> None:
        from mlflow.tracking import MlflowClient

        self._run_id, self._head, self._project = run_id, head, project
        self._client = MlflowClient() if run_id else None
        self._experiment = experiment
        self._pending: Pending | None = None
        self._over = False

    @classmethod
    def open(
        cls, name: str, tags: Mapping[str, str], project: Path, *, store: str, online: bool
    ) -> RunTracker:
        """Open a run as the active run of MLflow; if SIGTERM ends this process, mark it as killed.

        Args:
            name: Name of the run.
            tags: Tags that it has from the start, in addition to those of this process.
            project: Folder of the project.
            store: Address of the store, without a password.
            online: Whether the store answers.
        """
        import mlflow
        from mlflow.exceptions import MlflowException

        # Runs before the exit handler of MLflow, which would mark an open run as finished.
        atexit.register(_end_active_run)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _exit_on_signal)
        known = os.environ.get(RUN_ID)
        head = Head(store, known, name, _now(), {**tags, **process_tags()})
        if online:
            try:
                run = mlflow.start_run(run_name=name, tags=dict(head.tags))
                return cls(run.info.run_id, head, project, run.info.experiment_id)
            except MlflowException as error:
                if not is_unreachable(error):
                    raise
        # A child process would take this run for its own.
        os.environ.pop(RUN_ID, None)
        tracker = cls(None, head, project)
        tracker._keep_here()
        return tracker

    @property
    def store(self) -> str:
        """Address of the store."""
        return self._head.store

    @property
    def experiment(self) -> str | None:
        """Id of the experiment; None if the server does not answer."""
        return None if self._pending else self._experiment

    def start(
        self, parameters: Mapping[str, str], tags: Mapping[str, str], views: Mapping[str, str]
    ) -> None:
        """Log parameters, tags, code version and command, and close runs whose process has ended.

        Args:
            parameters: Full name -> value.
            tags: Tags by which runs are searched.
            views: Tags of the experiment that define views of its page, tag -> value. kedro-mlflow
                sets them for experiments that it creates; older experiments lack them.
        """
        self._write("views", dict(views))
        self._write("parameters", dict(parameters))
        # The command that kedro-mlflow would log lacks the parameters.
        about = {"code_version": code_version(), "environment": environment()}
        commands = {"command": command(), "kedro_command": command()}
        self._write("tags", {**tags, **about, **commands})
        self._reach(lambda client, _: settle_dead_runs(client, str(self._experiment)))

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log name -> value in one request, which is much faster than one by one."""
        self.log_history((name, value, step) for name, value in values.items())

    def log_history(self, points: Iterable[tuple[str, float, int]]) -> None:
        """Log points (name, value, step) in one request."""
        now = _now()
        named = ((UNNAMEABLE.sub("_", name), value, step) for name, value, step in points)
        self._write("metrics", [(name, float(value), now, step) for name, value, step in named])

    def log_inputs(self, inputs: Sequence[DatasetInput]) -> None:
        """Log which data the run read."""
        told = [(dict(one.dataset), {tag.key: tag.value for tag in one.tags}) for one in inputs]
        self._write("inputs", told)

    def log_file(self, path: Path) -> None:
        """Log a file as an artifact."""
        self._write("file", str(path))

    def log_text(self, text: str, name: str) -> None:
        """Log a text as an artifact with this file name."""
        self._write("text", (name, text))

    def end(self) -> None:
        """Mark the run as finished."""
        self._end("FINISHED")

    def fail(self, error: Exception) -> None:
        """Mark the run as failed, and log the error."""
        try:
            self._write("tags", {"error": f"{type(error).__name__}: {error}"[:5000]})
            self._end("FAILED")
        except Exception as failure:  # a full disk fails both; the first error is the one to show
            reason = str(failure).partition("\n")[0]
            logger.warning("the error could not be logged to MLflow: %s", reason)

    def kill(self) -> None:
        """Mark the run as killed, unless it has ended."""
        # If the store cannot be written, the next run marks this one.
        with contextlib.suppress(Exception):
            self._end("KILLED")

    def _end(self, status: str) -> None:
        import mlflow
        from mlflow.exceptions import MlflowException

        if self._over:
            return
        self._over = True
        if self._pending is None:
            try:
                mlflow.end_run(status)
                return
            except MlflowException as error:
                self._go_offline(error)
        self._write(END, (status, _now()))
        with impatient(), contextlib.suppress(MlflowException):
            mlflow.end_run(status)

    def _write(self, kind: str, values: Any) -> None:
        """Write an event to the run, or to a file once the server does not answer."""
        is_written = self._reach(lambda client, run_id: write_event(client, run_id, kind, values))
        if not is_written and self._pending is not None:
            self._pending.append(kind, values)

    def _reach(self, ask: Callable[[MlflowClient, str], None]) -> bool:
        """Send a request to the store; return whether it answered."""
        from mlflow.exceptions import MlflowException

        if self._pending is not None or self._client is None or self._run_id is None:
            return False
        try:
            ask(self._client, self._run_id)
        except MlflowException as error:
            self._go_offline(error)
            return False
        return True

    def _go_offline(self, error: Exception) -> None:
        if not is_unreachable(error):
            raise error
        self._keep_here()

    def _keep_here(self) -> None:
        head = self._head._replace(run_id=self._run_id or self._head.run_id)
        self._pending = Pending.begin(self._project, head)
        logger.warning(
            "the MLflow server does not answer: the logs of this run are kept in %s; the next "
            "run, or kedro track, sends them when it answers",
            self._pending.path.relative_to(self._project),
        )


def _now() -> int:
    return int(time.time() * 1000)


def _end_active_run() -> None:
    import mlflow

    with impatient(), contextlib.suppress(Exception):
        while mlflow.active_run():
            mlflow.end_run("KILLED")


def _exit_on_signal(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
