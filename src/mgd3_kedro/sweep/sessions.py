"""Kedro sessions in separate processes, so that they do not share memory or failures."""

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
"""Seconds that an interrupted session has to end before it is killed."""


class Session:
    """A running `kedro run`.

    Args:
        project: Folder of the project.
        log: File for its output.
        options: Options of `kedro run`.
        variables: Environment variables, in addition to those of this process.
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
                # Only the sweep receives Ctrl-C; it stops its sessions itself.
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    def status(self) -> int | None:
        """Return the exit status; None while the session runs."""
        status = self._process.poll()
        if status:
            self._kill_group()
        return status

    def finish(self) -> int:
        """Wait until the session ends, without a time limit, and return its exit status.

        An interrupt of this process ends the session.
        """
        try:
            self._process.wait()
        except BaseException:
            self.interrupt()
            self.wait()
            raise
        return self.status() or 0

    def interrupt(self) -> None:
        """Ask the session to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def wait(self) -> None:
        """Wait until the session ends; kill it if that takes too long."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()
            self._process.wait()

    def error(self) -> str:
        """Return the line of the log that describes the error."""
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
        # Workers may still run when the process that started them has ended.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
