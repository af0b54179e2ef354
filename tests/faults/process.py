"""Runs in processes of their own: forks of this one, or new ones."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.table import LostError

PATIENCE = 150
"""Seconds after which a run has no end."""
TICK = 0.01


@dataclass(frozen=True)
class Ended:
    """A run that has ended.

    Args:
        code: Its exit status, negative where a signal has ended it.
        told: What it printed.
        seconds: What it took.
    """

    code: int
    told: str
    seconds: float

    @property
    def error(self) -> str:
        """The line that says what went wrong."""
        lines = [line for line in self.told.splitlines() if line.startswith("Error: ")]
        return lines[-1].removeprefix("Error: ") if lines else ""


@dataclass
class Running:
    """A run at work, in a session of its own.

    Args:
        number: Of the process.
        log: What it prints.
        begun: When it was started.
    """

    number: int
    log: Path
    begun: float
    code: int | None = None

    def poll(self) -> int | None:
        """Return the exit status; None while it is at work."""
        if self.code is None:
            number, status = os.waitpid(self.number, os.WNOHANG)
            if number:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def send(self, number: int) -> None:
        """Send a signal to the process, as `kill` does; to none that has ended."""
        if self.poll() is None:
            os.kill(self.number, number)

    def wait(self, patience: float = PATIENCE) -> Ended:
        """Wait for its end.

        Raises:
            LostError: If there is none, or processes that it started outlive it.
        """
        while self.poll() is None:
            if time.monotonic() - self.begun > patience:
                self.end()
                raise LostError(f"no end after {patience:.0f} s: {self.told()[-300:]}")
            time.sleep(TICK)
        return Ended(self.code or 0, self.told(), time.monotonic() - self.begun)

    def end(self) -> None:
        """End it, and all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.number, signal.SIGKILL)
        while self.poll() is None:
            time.sleep(TICK)

    def told(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def fork(
    project: Path,
    arguments: Sequence[str],
    log: Path,
    before: Callable[[], None] | None = None,
) -> Running:
    """Start `kedro ARGUMENTS` in a fork of this process.

    Args:
        project: Working directory.
        arguments: Of the command line.
        log: For what it prints.
        before: Is called first, in the new process.
    """
    begun = time.monotonic()
    sys.stdout.flush()
    number = os.fork()
    if not number:
        # Whatever happens: nothing of this process is done twice.
        code = 1
        try:
            code = _run(project, arguments, log, before)
        except SystemExit as error:
            code = _status(error)
        finally:
            os._exit(code)
    return Running(number, log, begun)


def start(
    project: Path, arguments: Sequence[str], log: Path, variables: Mapping[str, str] | None = None
) -> Running:
    """Start `mgd3-kedro ARGUMENTS` as a new process; nothing of ours is there when `kedro` begins.

    Args:
        project: Working directory.
        arguments: Of the command line.
        log: For what it prints.
        variables: Of its environment, over those of this process.
    """
    begun = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "mgd3_kedro", *arguments],
            cwd=project,
            env={**_variables(), **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It is waited for by its number.
    process.returncode = 0
    return Running(process.pid, log, begun)


def _variables() -> dict[str, str]:
    # That of the configuration of logging was named for forks.
    return {name: value for name, value in os.environ.items() if name != "KEDRO_LOGGING_CONFIG"}


def _run(
    project: Path, arguments: Sequence[str], log: Path, before: Callable[[], None] | None
) -> int:
    """Do what `python -m kedro` does, in a fork."""
    os.setsid()
    said = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    for number in (1, 2):
        os.dup2(said, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(project)
    sys.argv = ["kedro", *arguments]
    code = 0
    try:
        if before:
            before()
        from kedro.framework.cli.cli import main

        main()
    except SystemExit as error:
        code = _status(error)
    except BaseException:
        traceback.print_exc()
        code = 1
    # As the interpreter does; what is between the fork and here is not left.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _status(error: SystemExit) -> int:
    return error.code if isinstance(error.code, int) else int(error.code is not None)


def descendants(session: int) -> list[int]:
    """Return the numbers of processes of a session that are at work."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, *facts = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(facts[2]) == session and state not in "ZX":
                found.append(int(path.parent.name))
    return found
