"""One MLflow run: what is written to it, and how it ends."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import platform
import re
import signal
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.environment import command, environment
from mgd3_kedro.version import code_version

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

logger = logging.getLogger(__name__)

PARAMETER_LENGTH = 6000
UNNAMEABLE = re.compile(r"[^\w/.\- :]")
"""Signs that MLflow has in no name of a metric."""
HOST_TAG, PROCESS_TAG = "process.host", "process.id"
BEGUN = time.time() * 1000
"""When this process began, at the latest, in MLflow's milliseconds."""


class RunTracker:
    """Writes to one MLflow run, and sees to it that its end is recorded however it ends.

    Args:
        run_id: The run.
    """

    def __init__(self, run_id: str) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        self._run_id = run_id
        self._over = False
        self._experiment = self._client.get_run(run_id).info.experiment_id

    @classmethod
    def of_active_run(cls) -> RunTracker | None:
        """Return a tracker of the active run, or none if nothing is tracked."""
        import mlflow

        run = mlflow.active_run()
        return cls(run.info.run_id) if run else None

    def rename(self, before: str, name: str) -> None:
        """Give the run another name, if its name is what it was."""
        if self._client.get_run(self._run_id).info.run_name == before:
            self._client.update_run(self._run_id, name=name)

    def keep_views(self, views: Mapping[str, str]) -> None:
        """Give the experiment the views that its page can be opened with.

        kedro-mlflow gives them to an experiment that it makes; one that is older lacks them.

        Args:
            views: Tag of the experiment -> value.
        """
        tags = self._client.get_experiment(self._experiment).tags
        for name, value in views.items():
            if tags.get(name) != value:
                self._client.set_experiment_tag(self._experiment, name, value)

    def start(self, parameters: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Log parameters, tags, code version and command, and settle runs whose process has gone.

        Args:
            parameters: Full name -> value.
            tags: What runs are looked for by.
        """
        from mlflow.entities import Param, RunTag

        self._settle_dead_runs()
        all_tags = {
            **tags,
            "code_version": code_version(),
            "environment": environment(),
            "command": command(),
            # kedro-mlflow's own lacks the parameters.
            "kedro_command": command(),
            HOST_TAG: platform.node(),
            PROCESS_TAG: str(os.getpid()),
        }
        self._client.log_batch(
            self._run_id,
            params=[Param(name, value) for name, value in parameters.items()],
            tags=[RunTag(name, value) for name, value in all_tags.items()],
        )
        # MLflow's own handler, registered before, would mark whatever is left as finished.
        atexit.register(self.kill)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _exit_on_signal)

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log values at once, which is much faster than one by one."""
        self.log_history((name, value, step) for name, value in values.items())

    def log_history(self, points: Iterable[tuple[str, float, int]]) -> None:
        """Log (name, value, step) points at once."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(UNNAMEABLE.sub("_", name), float(value), now, step)
            for name, value, step in points
        ]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(self._run_id, metrics=metrics[start : start + 1000])

    def log_inputs(self, inputs: Sequence[DatasetInput]) -> None:
        """Say which data the run read."""
        self._client.log_inputs(self._run_id, datasets=inputs)

    def log_file(self, path: Path) -> None:
        """Keep a file with the run."""
        self._client.log_artifact(self._run_id, str(path))

    def log_text(self, text: str, name: str) -> None:
        """Keep a text with the run, as a file of that name."""
        self._client.log_text(self._run_id, text, name)

    def end(self) -> None:
        """Note that the run ended by itself."""
        self._over = True

    def fail(self, error: Exception) -> None:
        """Note that the run failed, and why."""
        self._over = True
        try:
            self._client.set_tag(self._run_id, "error", f"{type(error).__name__}: {error}"[:5000])
        except Exception as failure:  # a full disk fails both; the first error is the one to show
            reason = str(failure).partition("\n")[0]
            logger.warning("the error is not in the MLflow store: %s", reason)

    def kill(self) -> None:
        """Mark the run as killed, unless it has ended."""
        import mlflow

        if not self._over:
            self._over = True
            # Where the store cannot be written, the next start marks the run.
            with contextlib.suppress(Exception):
                self._client.set_terminated(self._run_id, "KILLED")
            with contextlib.suppress(Exception):
                mlflow.end_run("KILLED")

    def _settle_dead_runs(self) -> None:
        """Mark runs of this machine that say they are running, but whose process has gone."""
        host = platform.node()
        running = self._client.search_runs(
            [self._experiment],
            filter_string=f"attributes.status = 'RUNNING' and tags.`{HOST_TAG}` = '{host}'",
        )
        for run in running:
            process = int(run.data.tags[PROCESS_TAG])
            # In containers the process that has gone often had the number that this one has.
            is_older = process == os.getpid() and run.info.start_time < BEGUN
            if run.info.run_id != self._run_id and (is_older or not _is_alive(process)):
                self._client.set_terminated(run.info.run_id, "KILLED")


def active_experiment() -> str | None:
    """Return the experiment of the active run, None if nothing is tracked."""
    import mlflow

    run = mlflow.active_run()
    return str(run.info.experiment_id) if run else None


def _exit_on_signal(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
