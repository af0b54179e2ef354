"""Log messages of worker processes, forwarded to the process that started them."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from threading import Thread
from typing import Any, NamedTuple

from mgd3_kedro.fingerprint import PACKAGE
from mgd3_kedro.progress import read_progress

KEY_LENGTH = 32
UNREACHABLE = (OSError, EOFError, AuthenticationError)


class LogMessage(NamedTuple):
    """One log message of a worker."""

    logger: str
    level: int
    text: str
    progress: Any


@dataclass(frozen=True)
class LogForwarder:
    """Settings with which worker processes forward their log messages to the main process.

    Args:
        process: Process id of the main process.
        level: Log level of the messages.
        address: Address at which the main process listens; None if it does not.
        key: Secret key; connections without it are refused.
    """

    process: int
    level: int
    address: Any = None
    key: bytes = b""

    def speak_in_workers(self) -> None:
        """Set up logging in a worker process; do nothing in the main process."""
        root = logging.getLogger()
        if os.getpid() == self.process or any(_speaks_for(one, self) for one in root.handlers):
            return
        for handler in [one for one in root.handlers if isinstance(one, WorkerHandler)]:
            root.removeHandler(handler)
        logging.getLogger(PACKAGE).setLevel(self.level)
        try:
            if self.address is not None:
                root.addHandler(WorkerHandler(self, Client(self.address, authkey=self.key)))
        except UNREACHABLE:
            pass  # the worker is on another machine
        if not root.handlers:
            logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


class WorkerHandler(logging.Handler):
    """Logging handler that sends the messages of a worker to the main process.

    Args:
        forwarder: The forwarder that the handler belongs to.
        connection: Connection to the main process.
    """

    def __init__(self, forwarder: LogForwarder, connection: Connection) -> None:
        super().__init__()
        self.forwarder = forwarder
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send a message; it is dropped if the main process no longer listens."""
        message = LogMessage(
            record.name, record.levelno, record.getMessage(), read_progress(record)
        )
        with contextlib.suppress(OSError):
            self._connection.send(message)


@contextlib.contextmanager
def receiving_logs(level: int, *, to_workers: bool) -> Iterator[LogForwarder]:
    """Receive the log messages of worker processes during the block, and log them here.

    Args:
        level: Log level of the messages.
        to_workers: Whether there are worker processes.

    Yields:
        The forwarder to pass to the workers.
    """
    if not to_workers:
        yield LogForwarder(os.getpid(), level)
        return
    key = os.urandom(KEY_LENGTH)
    with Listener(authkey=key) as listener:
        Thread(target=_accept, args=(listener,), daemon=True).start()
        try:
            yield LogForwarder(os.getpid(), level, listener.address, key)
        finally:
            # End the accepting thread: None, which no worker sends, closes the listener.
            with contextlib.suppress(*UNREACHABLE), Client(listener.address, authkey=key) as last:
                last.send(None)


def _accept(listener: Listener) -> None:
    while True:
        try:
            connection = listener.accept()
        except AuthenticationError:
            continue
        except (OSError, EOFError):
            return
        Thread(target=_receive, args=(connection, listener), daemon=True).start()


def _receive(connection: Connection, listener: Listener) -> None:
    with connection, contextlib.suppress(EOFError, OSError):
        while (message := connection.recv()) is not None:
            _repeat(message)
        listener.close()


def _repeat(message: LogMessage) -> None:
    logger = logging.getLogger(message.logger)
    extra = {} if message.progress is None else {"progress": message.progress}
    logger.log(message.level, "%s", message.text, extra=extra)


def _speaks_for(handler: logging.Handler, forwarder: LogForwarder) -> bool:
    return isinstance(handler, WorkerHandler) and handler.forwarder == forwarder
