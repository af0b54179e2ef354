"""Sessions in processes of their own, so that what one holds or breaks is its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 20.0
"""Seconds that an interrupted session has to end by itself."""


class Session:
    """A `kedro run` at work.

    Args:
        project: Folder of the project.
        log: File for what it prints.
        options: Those of `kedro run`.
        variables: Of its environment, over those of this process.
    """

    def __init__(
        self, project: Path, log: Path, options: Sequence[str], variables: Mapping[str, str]
    ) -> None:
        self._log = log
        self._begun = time.monotonic()
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kedro", "run", *options],
                cwd=project,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the sweep, which sees to its sessions.
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._begun

    def status(self) -> int | None:
        """Return the exit status, None while it is at work."""
        status = self._process.poll()
        if status:
            self._kill_group()
        return status

    def finish(self) -> int:
        """Wait until it has ended, however long that takes, and return the exit status.

        An interrupt of this process ends it.
        """
        try:
            self._process.wait()
        except BaseException:
            self.interrupt()
            self.wait()
            raise
        return self.status() or 0

    def interrupt(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended, and end it if that takes too long."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()
            self._process.wait()

    def error(self) -> str:
        """Return the line of the log that says what went wrong."""
        lines = [
            line.strip()
            for line in self._log.read_text(errors="replace", encoding="utf-8").splitlines()
        ]
        said = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
        last = [line for line in lines if line][-1:]
        code = self._process.returncode
        if code < 0:
            return f"killed by signal {-code}"
        return (said[-1:] or last or [f"ended with status {code} and no word"])[0]

    def _kill_group(self) -> None:
        # Workers of a process that has gone.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
