import signal

import mlflow
import pytest
from mlflow.tracking import MlflowClient

from mgd3_kedro.tracking.runs import RunTracker


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Make an empty MLflow store with an experiment."""
    folder = tmp_path_factory.mktemp("store")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.create_experiment("mgd3_kedro", artifact_location=str(folder / "artifacts"))
    mlflow.set_experiment("mgd3_kedro")
    yield folder
    mlflow.set_tracking_uri(before)


@pytest.fixture
def active(store):
    """Start a run and give its tracker."""
    mlflow.set_experiment("mgd3_kedro")
    handler = signal.getsignal(signal.SIGTERM)
    tracker = RunTracker.open("a run", {"env": "mnist"}, store, store="here", online=True)
    yield tracker
    tracker.end()
    mlflow.end_run()
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def logged(active):
    """Return what gives the data of the active run."""
    return lambda: MlflowClient().get_run(mlflow.active_run().info.run_id)
