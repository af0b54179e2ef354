import json
import time

import mlflow
import pytest
import requests
from click.testing import CliRunner
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from tiny_project import run, runs_of

from mgd3_kedro.cli import cli
from mgd3_kedro.stages import Partition
from mgd3_kedro.sweep.runs import SweepRuns
from mgd3_kedro.tracking.inputs import describe_input
from mgd3_kedro.tracking.pending import FOLDER, Head, Pending, find_pending
from mgd3_kedro.tracking.processes import process_tags
from mgd3_kedro.tracking.runs import RunTracker
from mgd3_kedro.tracking.store import without_password

STORE = "http://127.0.0.1:1"
GONE = {**process_tags(), "process.begun": "before"}


@pytest.fixture
def experiment(store):
    """Return the id of the experiment."""
    return MlflowClient().get_experiment_by_name("mgd3_kedro").experiment_id


@pytest.fixture
def dead(store, monkeypatch):
    """Have the store answer no more once it is called, as the client of a server says it."""

    def fail(*args, **options):
        try:
            raise requests.ConnectionError("refused")
        except requests.ConnectionError as error:
            raise MlflowException("API request failed with exception refused") from error

    def kill():
        for name in ("log_batch", "log_inputs", "log_text", "log_artifact", "set_terminated"):
            monkeypatch.setattr(MlflowClient, name, fail)
        return monkeypatch.undo

    return kill


def log_all(tracker, folder):
    """Log everything that a run logs."""
    tracker.start({"ipc": "10"}, {"method": "mgd3"}, {"view": "a"})
    tracker.log_metrics({"a (b)/c": 1.5, "lost": float("nan")})
    tracker.log_history([("loss", 1 / step, step) for step in range(1, 1002)])
    parts = {"0": Partition(lambda: None, "digest", 3)}
    given = {"benchmark": "mnist", "split": "test"}
    tracker.log_inputs([describe_input("train_images", parts, "here", given)])
    (folder / "table.csv").write_text("a,b")
    tracker.log_file(folder / "table.csv")
    tracker.log_text("<p>Müll</p>", "page.html")


def all_of(run_id):
    """Return what is known of a run, but for when it was."""
    client = MlflowClient()
    found = client.get_run(run_id)
    own = ("mlflow.", "process.", "kedro_command", "command")
    tags = {name: value for name, value in found.data.tags.items() if not name.startswith(own)}
    metrics = {
        name: [(one.value, one.step) for one in client.get_metric_history(run_id, name)]
        for name in found.data.metrics
    }
    inputs = [one.to_dictionary() for one in found.inputs.dataset_inputs]
    files = sorted(one.path for one in client.list_artifacts(run_id))
    facts = (found.info.run_name, found.info.status, found.info.experiment_id)
    return facts, found.data.params, tags, repr(metrics), inputs, files


def deliver(project, experiment):
    """Deliver the one run that waits, and return the id of the newest run."""
    (pending,) = find_pending(project, STORE)
    assert pending.deliver(MlflowClient(), experiment) == "a run"
    assert find_pending(project, STORE) == []
    assert not pending.path.exists()
    return MlflowClient().search_runs([experiment], max_results=1)[0].info.run_id


@pytest.fixture
def usual(store, tmp_path):
    """Return what is known of a run whose server answered all the time."""
    tracker = RunTracker.open("a run", {"env": "mnist"}, tmp_path, store=STORE, online=True)
    run_id = mlflow.active_run().info.run_id
    log_all(tracker, tmp_path)
    tracker.end()
    return all_of(run_id)


def test_a_run_without_a_server_is_logged_later_as_if_it_had_been_there(
    usual, experiment, tmp_path
):
    tracker = RunTracker.open("a run", {"env": "mnist"}, tmp_path, store=STORE, online=False)
    assert mlflow.active_run() is None
    assert tracker.experiment is None
    log_all(tracker, tmp_path)
    assert find_pending(tmp_path, STORE) == []
    tracker.end()
    assert all_of(deliver(tmp_path, experiment)) == usual


def test_an_input_that_another_run_wrote_down_at_the_same_moment_is_logged(
    usual, experiment, tmp_path, monkeypatch
):
    log, failed = MlflowClient.log_inputs, []

    def too_late_once(client, *args, **options):
        if not failed:
            failed.append(args)
            raise MlflowException("(sqlite3) UNIQUE constraint failed: datasets.name")
        return log(client, *args, **options)

    monkeypatch.setattr(MlflowClient, "log_inputs", too_late_once)
    tracker = RunTracker.open("a run", {"env": "mnist"}, tmp_path, store=STORE, online=True)
    run_id = mlflow.active_run().info.run_id
    log_all(tracker, tmp_path)
    tracker.end()
    assert failed
    assert all_of(run_id) == usual


@pytest.mark.parametrize("ended", [True, False])
def test_a_run_whose_server_is_gone_meanwhile_goes_on_and_is_one_run(
    ended, usual, dead, experiment, tmp_path, caplog
):
    before = len(MlflowClient().search_runs([experiment]))
    tracker = RunTracker.open("a run", {"env": "mnist"}, tmp_path, store=STORE, online=True)
    run_id = mlflow.active_run().info.run_id
    tracker.log_metrics({"first": 1})
    revive = dead()
    log_all(tracker, tmp_path)
    if ended:
        tracker.end()
    revive()
    tracker.end()
    (message,) = [text for text in caplog.messages if "does not answer" in text]
    assert f"kept in {FOLDER}/" in message
    assert deliver(tmp_path, experiment) == run_id
    assert len(MlflowClient().search_runs([experiment])) == before + 1
    assert MlflowClient().get_run(run_id).data.metrics["first"] == 1
    facts, params, tags, _, inputs, files = all_of(run_id)
    assert (facts, params, tags, inputs, files) == (*usual[:3], *usual[4:])


@pytest.mark.parametrize("error", [None, ValueError("ipc: expected 1")])
def test_a_run_that_failed_or_was_killed_without_a_server_says_so(error, experiment, tmp_path):
    tracker = RunTracker.open("a run", {}, tmp_path, store=STORE, online=False)
    tracker.log_metrics({"a": 1})
    if error:
        tracker.fail(error)
    else:
        tracker.kill()
    found = MlflowClient().get_run(deliver(tmp_path, experiment))
    assert found.info.status == ("FAILED" if error else "KILLED")
    assert found.data.tags.get("error") == ("ValueError: ipc: expected 1" if error else None)


def test_what_a_killed_process_has_written_is_logged_without_its_cut_line(experiment, tmp_path):
    pending = Pending.begin(tmp_path, Head(STORE, None, "a run", int(time.time() * 1000), GONE))
    pending.append("metrics", [["a", 1.0, 1, 0]])
    with pending.path.open("a") as file:
        file.write('["metrics", [["b", 2')
    found = MlflowClient().get_run(deliver(tmp_path, experiment))
    assert found.data.metrics == {"a": 1.0}
    assert found.info.status == "KILLED"


def test_a_delivery_that_was_interrupted_is_gone_on_with_in_the_same_run(
    dead, experiment, tmp_path
):
    tracker = RunTracker.open("a run", {}, tmp_path, store=STORE, online=False)
    tracker.log_metrics({"a": 1})
    tracker.end()
    before = len(MlflowClient().search_runs([experiment]))
    revive = dead()
    (pending,) = find_pending(tmp_path, STORE)
    with pytest.raises(MlflowException):
        pending.deliver(MlflowClient(), experiment)
    revive()
    deliver(tmp_path, experiment)
    assert len(MlflowClient().search_runs([experiment])) == before + 1


@pytest.mark.parametrize("content", ["", "null\n", "[]\n", "half", '{"name": "a"}\n'])
def test_a_file_that_is_none_is_told_by_name_and_stays(content, tmp_path, caplog):
    path = tmp_path / FOLDER / "a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert find_pending(tmp_path, STORE) == []
    (message,) = caplog.messages
    assert message.startswith(f"{path}: expected a file of a run")
    assert path.read_text() == content


def test_a_run_that_is_at_work_in_another_process_is_left_to_it(tmp_path):
    Pending.begin(tmp_path, Head(STORE, None, "a run", 0, process_tags()))
    assert find_pending(tmp_path, STORE) == []


def test_a_sweep_without_a_server_has_no_run_of_its_own_and_goes_on(dead, store, caplog):
    uri = f"sqlite:///{store / 'mlflow.db'}"
    runs = SweepRuns(uri, "mgd3_kedro", "birds", {"grid": {"seed": "0, 1"}})
    revive = dead()
    assert runs.open_child("grid", "seed=0") == ""
    revive()
    assert runs.open_child("grid", "seed=1") == ""
    runs.settle_child("", "FAILED", "why")
    runs.close(["grid"], killed=False)
    assert [text for text in caplog.messages if "the runs of this sweep get no parent run" in text]


def test_a_run_without_a_server_does_its_work_and_kedro_track_logs_it(project, monkeypatch):
    path = project / "conf/base/mlflow.yml"
    usual = path.read_text()
    monkeypatch.chdir(project)
    for name in ("MAX_RETRIES", "TIMEOUT", "BACKOFF_FACTOR"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", "1")
    path.write_text(usual.replace("sqlite:///${project:mlflow.db}", "http://127.0.0.1:9"))
    try:
        begun = time.monotonic()
        run(project, "encode")
        seconds = time.monotonic() - begun
        refused = CliRunner().invoke(cli, ["track"])
    finally:
        path.write_text(usual)
    (waiting,) = (project / FOLDER).iterdir()
    took = sum(
        value
        for line in waiting.read_text().splitlines()[1:]
        for kind, values in [json.loads(line)]
        if kind == "metrics"
        for name, value, *_ in values
        if name.endswith("_seconds")
    )
    # Within ten where nothing else is at work; MLflow by itself takes 248.
    assert seconds - took < 40
    assert refused.exit_code == 1
    assert "http://127.0.0.1:9: expected an answer of the MLflow server" in refused.output
    assert list((project / "data").rglob("latents/*.safetensors"))
    assert runs_of(project) == []
    # It waits for that server, unless it is named.
    assert "logged: nothing, as no run waits" in CliRunner().invoke(cli, ["track"]).output
    logged = CliRunner().invoke(cli, ["track", str(waiting)])
    assert logged.output.splitlines()[-1] == "logged: encode mnist/test/dit"
    (found,) = runs_of(project)
    assert found.info.status == "FINISHED"
    assert found.data.metrics["encode/images"] == 160
    assert CliRunner().invoke(cli, ["track"]).output.splitlines()[-1].startswith("logged: nothing")


def test_a_run_waits_for_the_store_that_it_was_meant_for(tmp_path, caplog):
    for number, store in enumerate((STORE, "http://other", "http://other")):
        Pending.begin(tmp_path, Head(store, None, "a run", number * 10_000, GONE))
    with caplog.at_level("INFO", logger="mgd3_kedro"):
        (found,) = find_pending(tmp_path, STORE)
    assert found.read()[0].store == STORE
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == (
        "2 runs wait for http://other; to log, run: MLFLOW_TRACKING_URI=http://other kedro track "
        "(a login, which is not kept, goes after the two slashes, as NAME:PASSWORD@)"
    )


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://me:secret@host:5000/x", "http://host:5000/x"),
        ("sqlite:////a b/[y] {x}/mlflow.db", "sqlite:////a b/[y] {x}/mlflow.db"),
        ("sqlite:///here.db", "sqlite:///here.db"),
    ],
)
def test_an_address_is_told_without_a_password_and_otherwise_as_it_is(uri, told):
    assert without_password(uri) == told
