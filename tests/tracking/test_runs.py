import signal
import subprocess
import sys
import threading
import time
from contextlib import chdir

import mlflow
import pytest
import yaml
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import AbstractDataset, DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import ParallelRunner, SequentialRunner, ThreadRunner
from mlflow.tracking import MlflowClient
from tiny_project import REPOSITORY, make_project, run, runs_of

from mgd3_kedro import resolution
from mgd3_kedro.environment import command
from mgd3_kedro.tracking.hooks import TrackingHooks
from mgd3_kedro.tracking.processes import process_tags
from mgd3_kedro.tracking.runs import RunTracker
from mgd3_kedro.version import code_version


def test_a_run_starts_with_its_parameters_and_what_made_it(active, logged):
    assert logged().data.tags.items() >= {"env": "mnist", **process_tags()}.items()
    active.start({"ipc": "10", "sampling.mode_guidance_scale": "0.1"}, {"method": "mgd3"}, {})
    data = logged().data
    assert data.params == {"ipc": "10", "sampling.mode_guidance_scale": "0.1"}
    assert data.tags["method"] == "mgd3"
    assert data.tags["command"] == data.tags["kedro_command"] == command()
    assert data.tags["code_version"] == code_version()
    assert data.tags.items() >= {"env": "mnist", **process_tags()}.items()


def test_histories_longer_than_a_batch_of_mlflow_are_kept_whole(active, logged):
    active.log_history([("loss", 1 / step, step) for step in range(1, 2502)])
    client = MlflowClient()
    history = client.get_metric_history(mlflow.active_run().info.run_id, "loss")
    assert sorted(point.step for point in history) == list(range(1, 2502))
    assert logged().data.metrics["loss"] == 1 / 2501


def test_metrics_of_classes_with_odd_names_are_kept(active, logged):
    active.log_metrics({"crane (bird)/diversity": 1.0, "Müll & co./diversity": 2.0})
    found = logged().data.metrics
    assert found == {"crane _bird_/diversity": 1.0, "Müll _ co./diversity": 2.0}


def ended(run_id):
    """Return a run that is no longer active."""
    assert mlflow.active_run() is None
    return MlflowClient().get_run(run_id)


def test_a_failed_run_says_why(active, logged):
    run_id = logged().info.run_id
    active.fail(ValueError("ipc: expected 1"))
    assert ended(run_id).info.status == "FAILED"
    assert ended(run_id).data.tags["error"] == "ValueError: ipc: expected 1"


def test_a_store_that_cannot_be_written_does_not_hide_the_error(active, caplog):
    run_id = mlflow.active_run().info.run_id
    MlflowClient().delete_run(run_id)
    active.fail(ValueError("ipc: expected 1"))
    assert "the error could not be logged to MLflow" in caplog.text
    assert len(caplog.messages[-1].splitlines()) == 1
    MlflowClient().restore_run(run_id)


def test_a_run_that_ended_is_not_killed_later(active, logged):
    run_id = logged().info.run_id
    active.end()
    active.kill()
    assert ended(run_id).info.status == "FINISHED"


class SlowDataset(AbstractDataset):
    """Takes its time to be read and to be written."""

    def __init__(self, seconds, data=None):
        self.seconds, self.data = seconds, data

    def save(self, data):
        time.sleep(self.seconds)

    def load(self):
        time.sleep(self.seconds)
        return self.data

    def _describe(self):
        return {}


def test_times_are_those_of_the_nodes_where_loads_and_saves_are_asynchronous(active, logged):
    catalog = DataCatalog(
        {"a": SlowDataset(0.2, 1), "b": SlowDataset(0.2, 2)}
        | {"sum": SlowDataset(0.1), "difference": SlowDataset(0.3)}
    )
    both = Pipeline(
        [Node(lambda a, b: (a + b, a - b), ["a", "b"], ["difference", "sum"], name="both")]
    )
    hooks, manager = TrackingHooks(), _create_hook_manager()
    hooks._tracker = active
    manager.register(hooks)
    SequentialRunner(is_async=True).run(both, catalog, manager)
    metrics = logged().data.metrics
    assert 0.2 <= metrics["system/both/load_seconds"] < 0.4
    # Also what is saved last, which is not what is last among the outputs.
    assert 0.3 <= metrics["system/both/save_seconds"] < 0.5
    assert metrics["system/both/run_seconds"] < 0.2


def test_runners_of_nodes_side_by_side_are_refused_before_any_work(project):
    bootstrap_project(project)
    with chdir(project), KedroSession.create(project) as session:
        for runner in (ThreadRunner(), ParallelRunner()):
            message = (
                f"^runner: expected SequentialRunner, .* got {type(runner).__name__}; .*jobs=N"
            )
            with pytest.raises(ValueError, match=message):
                session.run(pipeline_names=["encode"], runner=runner)
    assert runs_of(project) == []
    assert not (project / "data/04_feature").exists()


TRACKED_SLEEP = """
import signal, sys, time, mlflow
from pathlib import Path
# A shell has its background jobs ignore Ctrl-C, and their children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from mgd3_kedro.tracking.runs import RunTracker
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("mgd3_kedro")
RunTracker.open(sys.argv[2], {}, Path(), store="here", online=True)
print("ready", flush=True)
time.sleep(100)
"""


def test_an_interrupted_and_a_terminated_run_are_marked_killed(store):
    uri = f"sqlite:///{store / 'mlflow.db'}"
    numbers = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-c", TRACKED_SLEEP, uri, name],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name in numbers
    }
    for name, process in processes.items():
        assert process.stdout.readline() == "ready\n"
        process.send_signal(numbers[name])
    for process in processes.values():
        process.communicate(timeout=60)
    assert processes["SIGTERM"].returncode == 128 + signal.SIGTERM
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("mgd3_kedro").experiment_id
    found = {
        run.info.run_name: run.info.status
        for run in client.search_runs([experiment])
        if run.info.run_name in numbers
    }
    assert found == dict.fromkeys(numbers, "KILLED")


def test_signals_are_left_alone_outside_the_main_thread(store):
    before = signal.getsignal(signal.SIGTERM)
    runs = []

    def open_and_end():
        tracker = RunTracker.open("in a thread", {}, store, store="here", online=True)
        runs.append(mlflow.active_run().info.run_id)
        tracker.end()

    thread = threading.Thread(target=open_and_end)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert MlflowClient().get_run(runs[0]).info.status == "FINISHED"


class InterruptedDataset(AbstractDataset):
    """Somebody presses Ctrl-C while this is saved."""

    def save(self, data):
        raise KeyboardInterrupt

    def load(self):
        raise NotImplementedError

    def _describe(self):
        return {}


def test_after_an_interrupt_the_next_session_of_a_process_has_a_run_of_its_own(project):
    path = project / "conf/mnist/catalog.yml"
    usual = path.read_text()
    interrupted = {"encode_metrics": {"type": f"{__name__}.InterruptedDataset"}}
    path.write_text(usual + yaml.safe_dump(interrupted))
    with pytest.raises(KeyboardInterrupt):
        run(project, "encode")
    path.write_text(usual)
    run(project, "encode")
    runs = runs_of(project)
    assert [one.info.status for one in runs] == ["FINISHED", "KILLED"]
    assert mlflow.active_run() is None
    assert "system/encode/encode_images/run_seconds" in runs[1].data.metrics
    assert runs[0].data.metrics["encode/images"] == 160
    assert "encode/images" not in runs[1].data.metrics


def test_the_user_interface_of_mlflow_finds_the_store(tmp_path):
    # kedro-mlflow configures its ui for the environment "local" unless another one is named.
    assert (REPOSITORY / "conf/local").is_dir()
    project = make_project(tmp_path)
    (project / "conf/local").mkdir()
    before = mlflow.get_tracking_uri()
    bootstrap_project(project)
    try:
        with chdir(project), KedroSession.create(project, env="local") as session:
            server = session.load_context().mlflow.server
    finally:
        mlflow.set_tracking_uri(before)
    assert server.mlflow_tracking_uri == f"sqlite:///{project / 'mlflow.db'}"


def test_a_store_that_the_environment_names_is_used(tmp_path, monkeypatch):
    store = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setitem(resolution.ENVIRONMENT, "MLFLOW_TRACKING_URI", store)
    project = make_project(tmp_path / "project")
    before = mlflow.get_tracking_uri()
    bootstrap_project(project)
    try:
        with chdir(project), KedroSession.create(project) as session:
            server = session.load_context().mlflow.server
    finally:
        mlflow.set_tracking_uri(before)
    assert server.mlflow_tracking_uri == store
