"""The MLflow store: checks that it can be written or answers, before any work, and creation."""

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
NAMED = "name another store with MLFLOW_TRACKING_URI, or server.mlflow_tracking_uri in mlflow.yml"
PASSWORD = re.compile(r"//[^/@]*@")
PATIENCE = 3.0
"""Seconds to wait for the answer of a server before a run starts."""
PATIENCE_OF_RUNS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "8",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
"""Environment variables of MLflow; by default it retries for four minutes without an answer."""
NO_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}


def check_store(uri: str, project: Path) -> None:
    """Refuse a store file that cannot be written, which MLflow would try for minutes.

    Args:
        uri: Address of the store.
        project: Folder of the project.

    Raises:
        ValueError: If it cannot be written; the message names the folder and what to do.
    """
    if not uri.startswith(SQLITE):
        return
    path = Path(uri.removeprefix(SQLITE))
    place, use = "a project folder", f"data and for {path.name}"
    rename, move = "rename it", "make it writable or copy it elsewhere"
    if uri != own_store(project):
        place, use = "a folder of the MLflow store", path.name
        rename, move = NAMED, f"make it writable, or {NAMED}"
    if unquote(str(path)) != str(path) or "?" in str(path):
        raise ValueError(
            f"{path.parent}: expected {place} without ? and without % before two digits, which "
            f"are read as other signs in the address of the MLflow store; {rename}"
        )
    try:
        if path.exists():
            with path.open("r+b"):
                pass
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"{path.parent}: expected {place} that can be written to, for {use}, got "
            f"{error.strerror or error}; {move}"
        ) from error


@contextmanager
def one_at_a_time(uri: str, project: Path) -> Iterator[None]:
    """Lock the store, so that only one process at a time creates it or the experiment.

    Args:
        uri: Address of the store.
        project: Folder of the project.
    """
    is_file = uri.startswith(SQLITE)
    path = Path(f"{uri.removeprefix(SQLITE)}.lock") if is_file else project / ".mgd3/tracking.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        logger.info("waiting for another process that uses the MLflow store")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def make_store(uri: str) -> None:
    """Create the store file if it is missing, atomically, as MLflow needs seconds for its tables.

    Args:
        uri: Address of the store.
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
    """Tell whether a server answers; always True for a store that is not a server."""
    if not uri.startswith(SERVERS):
        return True
    import requests

    for name, value in PATIENCE_OF_RUNS.items():
        os.environ.setdefault(name, value)
    with contextlib.suppress(requests.RequestException):
        # A server that requires a login, or lacks this page, does answer.
        return requests.get(f"{uri.rstrip('/')}/health", timeout=PATIENCE).status_code < 500
    return False


def is_unreachable(error: BaseException) -> bool:
    """Tell whether an error of MLflow means that its server does not answer."""
    import requests
    from mlflow.exceptions import MlflowException, RestException

    if not isinstance(error, MlflowException) or isinstance(error, RestException):
        return False
    return isinstance(error.__cause__ or error.__context__, requests.RequestException | OSError)


@contextmanager
def impatient() -> Iterator[None]:
    """Make MLflow give up soon within the block, for a server that did not answer before."""
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
    """Return the address of the default store of a project, see conf/base/mlflow.yml."""
    return f"{SQLITE}{project / 'mlflow.db'}"


def without_password(uri: str) -> str:
    """Return the address of a store without a password."""
    # Not parsed as a URL, because the path of a file would lose its leading slash.
    return PASSWORD.sub("//", uri, count=1)
