"""What worker processes say, told by the process that started them."""

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


class Said(NamedTuple):
    """One message of a worker."""

    logger: str
    level: int
    text: str
    progress: Any


@dataclass(frozen=True)
class Speaker:
    """Lets worker processes say what they say where the process that started them says it.

    Args:
        process: That process.
        level: Of its messages.
        address: Where it listens; None where it does not.
        key: Without which nobody is heard.
    """

    process: int
    level: int
    address: Any = None
    key: bytes = b""

    def speak_in_workers(self) -> None:
        """Set logging up in a process that is another one."""
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
            pass  # on another machine
        if not root.handlers:
            logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


class WorkerHandler(logging.Handler):
    """Sends messages to the process that started this one.

    Args:
        speaker: Whom it speaks for.
        connection: To that process.
    """

    def __init__(self, speaker: Speaker, connection: Connection) -> None:
        super().__init__()
        self.speaker = speaker
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send a message; where nobody listens any more, nobody needs it."""
        said = Said(record.name, record.levelno, record.getMessage(), read_progress(record))
        with contextlib.suppress(OSError):
            self._connection.send(said)


@contextlib.contextmanager
def listening(level: int, *, to_workers: bool) -> Iterator[Speaker]:
    """Listen to worker processes for a while, and say what they say.

    Args:
        level: Of messages that are said.
        to_workers: Whether there are any.

    Yields:
        What is to be given to the workers.
    """
    if not to_workers:
        yield Speaker(os.getpid(), level)
        return
    key = os.urandom(KEY_LENGTH)
    with Listener(authkey=key) as listener:
        Thread(target=_accept, args=(listener,), daemon=True).start()
        try:
            yield Speaker(os.getpid(), level, listener.address, key)
        finally:
            # Wakes the thread, which finds that this is no worker.
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
        while (said := connection.recv()) is not None:
            _repeat(said)
        listener.close()


def _repeat(said: Said) -> None:
    logger = logging.getLogger(said.logger)
    extra = {} if said.progress is None else {"progress": said.progress}
    logger.log(said.level, "%s", said.text, extra=extra)


def _speaks_for(handler: logging.Handler, speaker: Speaker) -> bool:
    return isinstance(handler, WorkerHandler) and handler.speaker == speaker
