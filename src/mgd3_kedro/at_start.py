"""What a command does before anything else: where messages go, and how Ctrl-C is told."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

INTERRUPTED = "Interrupted; what was finished is kept, run again to go on."
LOGGING_CONFIG, OF_PROJECT = "KEDRO_LOGGING_CONFIG", Path("conf/logging.yml")


def tell_interrupts() -> None:
    """Have Ctrl-C while libraries are imported told in one line, from now on."""
    sys.excepthook = _tell


def write_any_text() -> None:
    """Have signs that the terminal cannot show written in another way, not refused."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def log_as_in(project: Path) -> None:
    """Write messages as the project says, wherever in it a command is given.

    Kedro looks for that in the working directory alone.

    Args:
        project: Its folder.
    """
    path = project / OF_PROJECT
    if OF_PROJECT.is_file() or LOGGING_CONFIG in os.environ or not path.is_file():
        return
    from kedro.framework.project import LOGGING
    from omegaconf import OmegaConf

    told: Any = OmegaConf.to_container(OmegaConf.load(path))
    LOGGING.configure(told)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print(INTERRUPTED, file=sys.stderr)
    elif _came_of_interrupt(error):
        # A library that was half imported fails in its own way; the status is that of an interrupt.
        print(INTERRUPTED, file=sys.stderr, flush=True)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    else:
        sys.__excepthook__(kind, error, trace)


def _came_of_interrupt(error: BaseException | None) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
