"""A second process that works when it is told to, with all that it needs loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

START = "import sys; from {0} import help_out; help_out(*sys.argv[1:])"
SHARES = {"OMP_NUM_THREADS": "1"}


@contextmanager
def helper(module: str, *arguments: object) -> Iterator[Callable[[object], Callable[[], str]]]:
    """Start a process that calls `help_out` of a module, which is to end in `serve`.

    Args:
        module: Its name.
        arguments: Of `help_out`, handed over as texts.

    Yields:
        Tells it something in one line, and returns what waits until it is done with that.
    """
    line = [sys.executable, "-c", START.format(module), *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(line, env={**os.environ, **SHARES}, **pipes)  # type: ignore[call-overload]
    process.stdout.readline()

    def start(told: object) -> Callable[[], str]:
        process.stdin.write(f"{told}\n")
        process.stdin.flush()
        return lambda: str(process.stdout.readline())

    try:
        yield start
    finally:
        process.stdin.close()
        process.wait()


def serve(work: Callable[[str], object]) -> None:
    """Do the work of a helper: what each line asks for, until there are no more lines."""
    print("ready", flush=True)
    for line in sys.stdin:
        work(line.strip())
        print("done", flush=True)
