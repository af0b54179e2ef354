"""Where runs are recorded: that it can be written, or answers, is known before any work."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

SQLITE, SERVERS = "sqlite:///", ("http://", "https://")
PASSWORD = re.compile(r"//[^/@]*@")
PATIENCE = 3.0
"""Seconds that a server has to answer before a run starts."""
PATIENCE_OF_RUNS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "8",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Variables of MLflow: by itself it asks a server that does not answer for four minutes."""
NO_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}


def check_store(uri: str) -> None:
    """Refuse a store of a file that could not be written, which MLflow would try for minutes.

    Args:
        uri: Of the store.

    Raises:
        ValueError: Naming the folder, and what to do.
    """
    if not uri.startswith(SQLITE):
        return
    path = Path(uri.removeprefix(SQLITE))
    if unquote(str(path)) != str(path) or "?" in str(path):
        raise ValueError(
            f"{path.parent}: expected a project folder without ? and without % before two digits, "
            "which are read as other signs in the address of the MLflow store; rename it"
        )
    try:
        if path.exists():
            with path.open("r+b"):
                pass
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"{path.parent}: expected a project folder that can be written to, for data and for "
            f"{path.name}, got {error.strerror or error}; make it writable or copy it elsewhere"
        ) from error


@contextmanager
def one_at_a_time(uri: str, project: Path) -> Iterator[None]:
    """Keep other processes from making the store, and the experiment, at the same time.

    Args:
        uri: Of the store.
        project: Its folder.
    """
    is_file = uri.startswith(SQLITE)
    path = Path(f"{uri.removeprefix(SQLITE)}.lock") if is_file else project / ".mgd3/tracking.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        logger.info("another process is at the MLflow store, waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def make_store(uri: str) -> None:
    """Make the store if there is none, as a whole or not at all: its tables take MLflow seconds.

    Args:
        uri: Of the store.
    """
    path = Path(uri.removeprefix(SQLITE))
    if not uri.startswith(SQLITE) or path.exists():
        return
    from mlflow.tracking import MlflowClient

    fresh = path.with_name(f"{path.name}.partial")
    for left in (fresh, fresh.with_name(f"{fresh.name}-journal")):
        left.unlink(missing_ok=True)
    MlflowClient(f"{SQLITE}{fresh}").search_experiments(max_results=1)
    fresh.replace(path)


def answers(uri: str) -> bool:
    """Tell whether a server answers; what is no server always does."""
    if not uri.startswith(SERVERS):
        return True
    import requests

    for name, value in PATIENCE_OF_RUNS.items():
        os.environ.setdefault(name, value)
    with contextlib.suppress(requests.RequestException):
        # A server that asks for a login, or knows no such page, is there.
        return requests.get(f"{uri.rstrip('/')}/health", timeout=PATIENCE).status_code < 500
    return False


def is_unreachable(error: BaseException) -> bool:
    """Tell whether MLflow says that its server does not answer."""
    import requests
    from mlflow.exceptions import MlflowException, RestException

    if not isinstance(error, MlflowException) or isinstance(error, RestException):
        return False
    return isinstance(error.__cause__ or error.__context__, requests.RequestException | OSError)


@contextmanager
def impatient() -> Iterator[None]:
    """Have MLflow not wait for a server that did not answer before."""
    before = {name: os.environ.get(name) for name in NO_PATIENCE}
    os.environ.update(NO_PATIENCE)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def own_store(project: Path) -> str:
    """Return the address of the store that a project has by itself, see conf/base/mlflow.yml."""
    return f"{SQLITE}{project / 'mlflow.db'}"


def told_address(uri: str) -> str:
    """Return the address of a store without a password."""
    # Not taken apart as an address: that of a file would lose the sign that it begins with.
    return PASSWORD.sub("//", uri, count=1)
