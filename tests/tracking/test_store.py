import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException, RestException

from mgd3_kedro.tracking import store
from mgd3_kedro.tracking.store import (
    NAMED,
    answers,
    check_store,
    impatient,
    is_unreachable,
    without_password,
)

FIRST = """
import sys
from pathlib import Path
from sqlalchemy import Engine, event
from mgd3_kedro.tracking.store import make_store, one_at_a_time
event.listen(Engine, "connect", lambda one, _: one.execute("PRAGMA synchronous=OFF"))
path = Path(sys.argv[1])
print("ready", flush=True)
input()
with one_at_a_time(f"sqlite:///{path}", path.parent):
    make_store(f"sqlite:///{path}")
"""


def test_two_first_runs_at_once_make_one_store_and_none_dies(tmp_path):
    path = tmp_path / "mlflow.db"
    # What a kill in the middle of it leaves.
    (tmp_path / "mlflow.db.partial").write_bytes(b"half a store")
    (tmp_path / "mlflow.db.partial-journal").write_bytes(b"half a store")
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", FIRST, str(path)]
    first = [subprocess.Popen(command, **piped, text=True) for _ in range(2)]
    for process in first:
        assert process.stdout.readline() == "ready\n"
    for process in first:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in first:
        assert process.wait() == 0, process.stderr.read()
    assert {one.name for one in tmp_path.iterdir()} == {"mlflow.db", "mlflow.db.lock"}
    with closing(sqlite3.connect(path)) as made:
        assert made.execute("select count(*) from alembic_version").fetchone() == (1,)
        assert made.execute("select name from experiments").fetchall() == [("Default",)]


@pytest.mark.parametrize("name", ["a%20b", "a?b"])
def test_a_folder_that_the_address_of_the_store_cannot_have_is_refused_by_name(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    message = f"^{re.escape(str(folder))}: expected a project folder without .*; rename it$"
    with pytest.raises(ValueError, match=message):
        check_store(f"sqlite:///{folder}/mlflow.db", folder)
    assert list(folder.iterdir()) == []
    with pytest.raises(ValueError, match=f"a folder of the MLflow store without .*; {NAMED}$"):
        check_store(f"sqlite:///{folder}/mlflow.db", tmp_path)


@pytest.mark.parametrize("name", ["a b", "a#b", "é%", "plain"])
def test_other_folders_are_taken(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    check_store(f"sqlite:///{folder}/mlflow.db", folder)
    (folder / "mlflow.db").touch()
    check_store(f"sqlite:///{folder}/mlflow.db", folder)
    assert [one.name for one in folder.iterdir()] == ["mlflow.db"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "/proc/self/mlflow.db",
            "expected a project folder .* for data and for .*; make it writable",
        ),
        ("/proc/version", f"expected a folder of the MLflow store .* for version, .*, or {NAMED}$"),
    ],
)
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that nobody can write to")
def test_a_place_that_cannot_be_written_is_refused_at_once_by_name(path, message):
    begun = time.monotonic()
    with pytest.raises(ValueError, match=f"^/proc.*: {message}"):
        check_store(f"sqlite:///{path}", Path("/proc/self"))
    assert time.monotonic() - begun < 1


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path.split("/")[1]))
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    """Start a server that answers /CODE/... with that code, and return its address."""
    made = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """Leave the variables of MLflow as they are."""
    for name in store.PATIENCE_OF_RUNS:
        monkeypatch.setenv(name, "1")


def test_a_server_that_answers_is_there_though_it_asks_for_a_login(server):
    assert answers(f"{server}/200/")
    assert answers(f"{server}/401")
    assert answers(f"{server}/404")
    assert answers("sqlite:///mlflow.db")


def test_a_server_that_fails_is_not_listened_to_or_keeps_silent_is_not_there(server, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    assert not answers(f"{server}/503/")
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert not answers(address)
        silent.listen()
        assert not answers(address)


def test_mlflow_is_told_to_be_patient_for_seconds_unless_somebody_says_otherwise(
    server, monkeypatch
):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    answers(f"{server}/200")
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    with impatient():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"


def test_what_mlflow_says_of_a_dead_server_is_told_from_its_other_errors(server):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    for address, unreachable in ((dead, True), (f"{server}/503", True), (f"{server}/400", False)):
        client = mlflow.MlflowClient(address)
        with pytest.raises(MlflowException) as error:
            client.get_run("0" * 32)
        assert is_unreachable(error.value) == unreachable, address
    assert not is_unreachable(RestException({"message": "no such run"}))
    assert not is_unreachable(requests.ConnectionError())


def test_an_address_is_told_without_its_password():
    assert without_password("https://me:secret@host:5000/a") == "https://host:5000/a"
