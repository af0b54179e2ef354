import os
import platform
import signal
import subprocess
import sys

import pytest
from mlflow.tracking import MlflowClient

from mgd3_kedro.sweep.runs import PARENT_TAG, SweepRuns
from mgd3_kedro.tracking.processes import (
    BEGUN_TAG,
    HOST_TAG,
    PROCESS_TAG,
    begin_of,
    is_gone,
    process_tags,
)

KILLED = """
import os, signal, sys, mlflow
from pathlib import Path
from mgd3_kedro.tracking.runs import RunTracker
create = mlflow.MlflowClient.create_run
def create_and_die(*args, **options):
    create(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)
mlflow.MlflowClient.create_run = create_and_die
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("mgd3_kedro")
RunTracker.open("killed at once", {}, Path(), store="here", online=True)
"""


@pytest.fixture
def finished():
    """Return the tags of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    tags = {PROCESS_TAG: str(process.pid), BEGUN_TAG: begin_of(process.pid)}
    assert tags[BEGUN_TAG]
    process.communicate(b"\n")
    return {HOST_TAG: platform.node(), **tags}


def test_a_process_that_is_there_is_not_gone():
    assert not is_gone(process_tags())
    parent = {PROCESS_TAG: str(os.getppid()), BEGUN_TAG: begin_of(os.getppid())}
    assert not is_gone({**process_tags(), **parent})
    assert parent[BEGUN_TAG] != process_tags()[BEGUN_TAG]


def test_a_process_that_has_ended_is_gone(finished):
    assert is_gone(finished)


def test_one_that_has_ended_and_is_not_waited_for_is_gone():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone({**process_tags(), PROCESS_TAG: str(process.pid)})
    process.wait()


def test_a_number_that_another_process_has_now_is_told_from_it():
    assert is_gone({**process_tags(), BEGUN_TAG: "before"})


def test_of_other_machines_and_without_tags_nothing_is_known(finished):
    assert not is_gone({**finished, HOST_TAG: "another machine"})
    assert not is_gone({HOST_TAG: platform.node()})
    assert not is_gone({})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "KILLED"),
        ({"error": "ValueError: ipc"}, "FAILED"),
        ({HOST_TAG: "another machine"}, "RUNNING"),
        (process_tags(), "RUNNING"),
    ],
    ids=["gone", "failed", "elsewhere", "this one"],
)
def test_runs_whose_process_has_gone_are_marked_at_the_next_start(
    changes, status, finished, active, logged
):
    client = MlflowClient()
    other = client.create_run(logged().info.experiment_id, tags={**finished, **changes})
    active.start({}, {}, {})
    assert client.get_run(other.info.run_id).info.status == status
    assert logged().info.status == "RUNNING"
    client.set_terminated(other.info.run_id)


def test_a_run_that_is_killed_in_the_moment_it_is_made_is_marked_at_the_next_start(store, active):
    uri = f"sqlite:///{store / 'mlflow.db'}"
    ended = subprocess.run([sys.executable, "-c", KILLED, uri], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    client = MlflowClient()
    experiment = client.get_experiment_by_name("mgd3_kedro").experiment_id

    def status():
        found = client.search_runs([experiment], "attributes.run_name = 'killed at once'")
        return [run.info.status for run in found]

    assert status() == ["RUNNING"]
    active.start({}, {}, {})
    assert status() == ["KILLED"]


def test_a_killed_sweep_and_its_children_are_marked_by_the_next_one(store, finished, monkeypatch):
    uri = f"sqlite:///{store / 'mlflow.db'}"
    monkeypatch.setattr("mgd3_kedro.sweep.runs.process_tags", lambda: finished)
    killed = SweepRuns(uri, "mgd3_kedro", "birds", {"grid": {"seed": "0, 1"}})
    child = MlflowClient().get_run(killed.open_child("grid", "seed=0"))
    parent = MlflowClient().get_run(child.data.tags[PARENT_TAG])
    assert [run.info.status for run in (child, parent)] == ["RUNNING"] * 2
    monkeypatch.undo()
    SweepRuns(uri, "mgd3_kedro", "birds", {})
    for run in (child, parent):
        assert MlflowClient().get_run(run.info.run_id).info.status == "KILLED"
    again = SweepRuns(uri, "mgd3_kedro", "birds", {"grid": {"seed": "0, 1"}})
    other = MlflowClient().get_run(again.open_child("grid", "seed=0"))
    assert other.data.tags[PARENT_TAG] == parent.info.run_id
    assert MlflowClient().get_run(parent.info.run_id).info.status == "RUNNING"
    again.settle_child(other.info.run_id, "FINISHED")
    again.close([], killed=False)


def test_a_sweep_of_the_same_name_of_another_benchmark_has_a_parent_of_its_own(store):
    uri = f"sqlite:///{store / 'mlflow.db'}"
    parents = []
    for benchmark in ("birds", "cars", "birds"):
        runs = SweepRuns(uri, "mgd3_kedro", benchmark, {"shared": {"seed": "0"}})
        child = MlflowClient().get_run(runs.open_child("shared", "seed=0"))
        parents.append(MlflowClient().get_run(child.data.tags[PARENT_TAG]))
        runs.settle_child(child.info.run_id, "FINISHED")
        runs.close([], killed=False)
    one, other, again = (run.info.run_id for run in parents)
    assert one == again != other
    assert [run.data.tags["benchmark"] for run in parents] == ["birds", "cars", "birds"]
