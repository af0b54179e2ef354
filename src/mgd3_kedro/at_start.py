"""Set-up before other imports: logging, output encoding and the message after Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

INTERRUPTED = "Interrupted; finished work is kept. Run again to continue."
LOGGING_CONFIG, OF_PROJECT = "KEDRO_LOGGING_CONFIG", Path("conf/logging.yml")


def tell_interrupts() -> None:
    """Report Ctrl-C in one line instead of a traceback, also while libraries are imported."""
    sys.excepthook = _tell


def write_any_text() -> None:
    """Escape characters that the terminal cannot encode, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def log_as_in(project: Path) -> None:
    """Use the logging configuration of a project in all its subfolders.

    Kedro looks for conf/logging.yml in the working directory only.

    Args:
        project: Folder of the project.
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
        # An interrupted import fails with another error; exit with the status of an interrupt.
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
