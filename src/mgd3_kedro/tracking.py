"""What an MLflow run records beyond what kedro-mlflow does."""

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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mgd3_kedro.environment import command, environment
from mgd3_kedro.memory import peak_memory_mb, reset_peak_memory
from mgd3_kedro.version import code_version

logger = logging.getLogger(__name__)

PARAMETER_LENGTH = 6000
UNNAMEABLE = re.compile(r"[^\w/.\- :]")
"""Signs that MLflow has in no name of a metric."""
HOST_TAG, PROCESS_TAG = "process.host", "process.id"
BEGUN = time.time() * 1000
"""When this process began, at the latest, in MLflow's milliseconds."""


class NodeMeter:
    """Adds up what loading, running and saving of nodes take, and their peak memory.

    Where parts of a phase overlap, as loads by several threads do, their time counts once.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, dict[str, float]] = {}
        self._begun: dict[tuple[str, str], list[float]] = {}
        self._lock = threading.Lock()

    def start(self, phase: str, node: str) -> None:
        """Start a part of a phase: "load", "run" or "save"."""
        with self._lock:
            if node not in self._seconds:
                reset_peak_memory()
                self._seconds[node] = dict.fromkeys(("load", "run", "save"), 0.0)
            self._begun.setdefault((node, phase), []).append(time.perf_counter())

    def stop(self, phase: str, node: str) -> None:
        """End a part of a phase."""
        now = time.perf_counter()
        with self._lock:
            parts = self._begun[node, phase]
            first = parts[0]
            # The part that is left, if there is one, counts from now.
            parts[:] = [now] * (len(parts) - 1)
            self._seconds[node][phase] += now - first

    def count_as_run(self, seconds: float, node: str) -> None:
        """Move time from saving to running."""
        with self._lock:
            of_node = self._seconds[node]
            moved = min(seconds, of_node["save"])
            of_node["save"] -= moved
            of_node["run"] += moved

    def finish(self, node: str) -> dict[str, float]:
        """Return the node's metrics and forget them."""
        with self._lock:
            seconds = self._seconds.pop(node)
        measured = {f"{node}/{phase}_seconds": value for phase, value in seconds.items()}
        measured[f"{node}/peak_memory_mb"] = peak_memory_mb()
        return measured


def flatten_parameters(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested parameters as "a.b" -> text.

    Source: ours.
    """
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten_parameters(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value)[:PARAMETER_LENGTH]
    return flat


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

    def start(self, parameters: Mapping[str, str]) -> None:
        """Log parameters and code version, and settle runs whose process has gone."""
        from mlflow.entities import Param, RunTag

        self._settle_dead_runs()
        tags = {
            "code_version": code_version(),
            "environment": environment(),
            "command": command(),
            HOST_TAG: platform.node(),
            PROCESS_TAG: str(os.getpid()),
        }
        self._client.log_batch(
            self._run_id,
            params=[Param(name, value) for name, value in parameters.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        # MLflow's own handler, registered before, would mark whatever is left as finished.
        atexit.register(self.kill)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _exit_on_signal)

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log values at once, which is much faster than one by one."""
        self.log_history([(name, value, step) for name, value in values.items()])

    def log_history(self, points: list[tuple[str, float, int]]) -> None:
        """Log (name, value, step) points at once."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(UNNAMEABLE.sub("_", name), float(value), now, step)
            for name, value, step in points
        ]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(self._run_id, metrics=metrics[start : start + 1000])

    def log_output(self, kind: str | None, name: str, data: Any, dataset: Any) -> None:
        """Log an output as its catalog entry's metadata says, if it says anything.

        Raises:
            ValueError: If the metadata name no way of logging.
        """
        if kind is None:
            return
        if kind not in LOGGERS:
            raise ValueError(f"metadata.mlflow of {name}: expected {sorted(LOGGERS)}, got {kind!r}")
        LOGGERS[kind](self, name, data, dataset)

    def log_file(self, path: Path) -> None:
        """Keep a file with the run."""
        self._client.log_artifact(self._run_id, str(path))

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


def _log_metrics(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    stage = name.removesuffix("_metrics")
    tracker.log_metrics({f"{stage}/{key}": value for key, value in data.items()})


def _log_curve(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    # One history per numeric column, and per value of the others, e.g. per training.
    values = [column for column in data.select_dtypes("number") if column != "step"]
    words = list(data.select_dtypes(exclude="number"))
    points = [
        ("/".join([name, *(str(row[word]) for word in words), value]), row[value], int(row["step"]))
        for row in data.to_dict("records")
        for value in values
    ]
    tracker.log_history(points)


def _log_artifact(tracker: RunTracker, name: str, data: Any, dataset: Any) -> None:
    tracker.log_file(Path(dataset._describe()["filepath"]))


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


LOGGERS: dict[str, Callable[[RunTracker, str, Any, Any], None]] = {
    "metrics": _log_metrics,
    "curve": _log_curve,
    "artifact": _log_artifact,
}
