"""A helper process that has everything loaded and works on request."""

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
    """Start a process that calls `help_out` of a module; this function must end with `serve`.

    Args:
        module: Name of the module.
        arguments: Arguments of `help_out`, passed as text.

    Yields:
        Function that sends a line to the process, and returns a function that waits for the result.
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
    """Read lines from standard input until its end, and do the work for each line."""
    print("ready", flush=True)
    for line in sys.stdin:
        work(line.strip())
        print("done", flush=True)
