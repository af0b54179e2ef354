"""Calls run the same wherever they run."""

import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from mgd3_kedro.executors import EXECUTORS, ExecutorConfig, on_dask

CLUSTERS = [name for name, one in EXECUTORS.items() if one.is_remote]
KINDS = [pytest.param(name, marks=[pytest.mark.cluster] * (name in CLUSTERS)) for name in EXECUTORS]
CALLS = 20


def square(number):
    return number * number, os.getpid()


def square_behind(gate, number):
    """Return the square once the gate is there."""
    while not gate.exists():
        time.sleep(0.01)
    return square(number)


def end_here():
    os.kill(os.getpid(), signal.SIGKILL)


def divide(number):
    return 1 / number


def end_once(path):
    """End the process the first time, as a machine that is lost would."""
    try:
        path.mkdir()
    except FileExistsError:
        return "made"
    os._exit(1)


@pytest.fixture(scope="module")
def importable():
    """Let workers of clusters import this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{Path(__file__).parent}{os.pathsep}", prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def dask(importable):
    from distributed import LocalCluster

    here = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": "CRITICAL"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **here) as cluster:
        yield {"kind": "dask", "address": cluster.scheduler_address}
        on_dask.connect(cluster.scheduler_address, 2).close()
        on_dask.connect.cache_clear()


@pytest.fixture(scope="module")
def ray(importable):
    import ray

    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield {"kind": "ray"}
    ray.shutdown()


@pytest.fixture
def executor(kind, request):
    """Return the executor of a kind; those of clusters are running."""
    settings = request.getfixturevalue(kind) if kind in CLUSTERS else {"kind": kind}
    return ExecutorConfig(**settings)


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_runs_once_and_is_taken_when_a_worker_is_free(executor, tmp_path):
    gate, taken, taken_before = tmp_path / "gate", [], []

    def calls():
        for number in range(CALLS):
            taken.append(number)
            yield partial(square_behind, gate, number)

    def open_gate():
        taken_before.append(len(taken))
        gate.touch()

    timer = threading.Timer(1.0, open_gate)
    timer.start()
    found = list(executor.run(calls(), 2))
    timer.join()
    assert sorted(one for one, _ in found) == [number * number for number in range(CALLS)]
    # Not all at once: one of each worker, and what is handed on while a result is on its way.
    assert taken_before[0] < CALLS - 1
    is_here = {process for _, process in found} == {os.getpid()}
    assert is_here == (executor.kind == "serial")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_a_call_is_that_error(executor):
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        list(executor.run(iter([partial(divide, 0)]), 2))


@pytest.mark.cluster
@pytest.mark.parametrize("kind", CLUSTERS)
def test_what_a_lost_worker_was_at_is_given_to_another(executor, tmp_path):
    calls = [partial(end_once, tmp_path / "tried"), partial(time.sleep, 0)]
    assert set(executor.run(iter(calls), 2)) == {"made", None}


def test_a_worker_of_this_machine_that_was_killed_is_told_in_one_line():
    with pytest.raises(ChildProcessError, match=r"one was killed, .*; run again .* fewer"):
        list(ExecutorConfig("loky").run(iter([end_here, end_here]), 2))
    again = ExecutorConfig("loky").run((partial(square, n) for n in range(3)), 2)
    assert sorted(value for value, _ in again) == [0, 1, 4]


def test_one_worker_of_this_machine_is_this_process():
    ((_, process),) = ExecutorConfig("loky").run(iter([partial(square, 1)]), 1)
    assert process == os.getpid()
    assert not ExecutorConfig("loky").in_processes(1)
    assert ExecutorConfig("dask").in_processes(1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"kind": "slurm"},
            "unknown executor.kind 'slurm': expected one of dask, loky",
        ),
        (
            {"kind": "loky", "address": "tcp://a:1"},
            "executor.address: expected null, as loky",
        ),
        (
            {"kind": "ray", "gpus_per_worker": -1},
            r"gpus_per_worker: expected a number in \[0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ExecutorConfig(**settings)


@pytest.mark.cluster
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(on_dask, "ANSWER", 1)
    with pytest.raises(ValueError, match=r"address: expected a scheduler of Dask at tcp:"):
        list(ExecutorConfig("dask", "tcp://127.0.0.1:9").run(iter([]), 2))


@pytest.mark.parametrize(("kind", "library"), [("dask", "distributed"), ("ray", "ray")])
def test_a_library_that_is_not_installed_is_named_with_its_extra(kind, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'mgd3_kedro\[{kind}\]'"):
        list(ExecutorConfig(kind).run(iter([]), 2))
