"""Errors that users can fix, reported in one line."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import click
from kedro.config import MissingConfigException
from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError

from mgd3_kedro.at_start import INTERRUPTED

logger = logging.getLogger(__name__)

EXPECTED = (
    ParameterValidationError,
    MissingConfigException,
    DatasetError,
    ValueError,
    FloatingPointError,
    ModuleNotFoundError,
    OSError,
)
WRAPPED = ("Failed while", "Failed during")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PLACE = re.compile(r"filepath='?([^,')]+)")
"""Path in Kedro's description of a dataset that failed."""
STATUS_OF_INTERRUPTS = 130


def find_cause(error: BaseException) -> BaseException:
    """Return the original error without the errors that Kedro wraps around it."""
    while isinstance(error, DatasetError) and error.__cause__ is not None:
        # Kedro wraps a DatasetError in one with the entry's name, and any other error in one that
        # begins with one of `WRAPPED`. A DatasetError with another text is not a wrapper.
        is_wrapper = any(words in str(error) for words in WRAPPED)
        if not isinstance(error.__cause__, DatasetError) and not is_wrapper:
            break
        error = error.__cause__
    return error


def describe_error(error: BaseException) -> str:
    """Return an error in one line: its cause, and the dataset if the cause names no file."""
    cause = find_cause(error)
    text = str(cause)
    if isinstance(cause, ParameterValidationError):
        text = re.sub(r".*failed:\n", "", text)
        text = re.sub(r"Parameter '(.+?)': (Failed to instantiate .+? '\1': )?", r"\1: ", text)
        # Write parameters as on the command line: modes.ipc.
        text = re.sub(r"^(- )?(\w+): (\w+): ", r"\1\2.\3: ", text, flags=re.MULTILINE)
        text = _merge_equal(text)
    if isinstance(cause, OSError) and cause.strerror:
        text = cause.strerror
        if where := cause.filename or _place_of(error):
            text = f"{where}: {text}"
        if cause.errno in FULL:
            text = f"{text}; free some space and run again (finished work is kept)"
    lines = (line.strip("- ") for line in text.splitlines())
    joined = "; ".join(line for line in lines if line) or type(cause).__name__
    return joined.replace(":; ", ": ")


def _merge_equal(text: str) -> str:
    """Merge equal messages of several parameter groups about a value that they share."""
    groups: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, mark, said = line.removeprefix("- ").partition(": expected ")
        groups.setdefault(f"{mark}{said}", []).append(name)
    return "\n".join(f"{', '.join(names)}{said}" for said, names in groups.items())


def describe_store_error(error: BaseException) -> str:
    """Return in one line an error of the MLflow store, or the expected error that preceded it."""
    chain = [error]
    while chain[-1].__context__ is not None:
        chain.append(chain[-1].__context__)
    for earlier in chain:
        if isinstance(earlier, EXPECTED) and isinstance(find_cause(earlier), EXPECTED):
            return describe_error(earlier)
    reason = str(chain[-1]).partition("\n")[0]
    return f"the MLflow store: {reason}; solve this and run again (finished work is kept)"


def _place_of(error: BaseException) -> str:
    """Return the path of the dataset that failed, or else its name."""
    if not isinstance(error, DatasetError):
        return ""
    text = str(error)
    found = PLACE.search(text)
    return found[1] if found else text.partition(": ")[0]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn expected errors into one line and exit code 1; others keep their traceback."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader, such as `head`, has closed the pipe: click ends without a message
    except EXPECTED as error:
        if not isinstance(find_cause(error), EXPECTED):
            raise
        logger.debug("the whole error:", exc_info=error)
        raise click.ClickException(describe_error(error)) from error
    except Exception as error:
        if not type(error).__module__.startswith(("mlflow.", "sqlalchemy.")):
            raise
        raise click.ClickException(describe_store_error(error)) from error
    except KeyboardInterrupt:
        click.echo(INTERRUPTED, err=True)
        raise SystemExit(STATUS_OF_INTERRUPTS) from None
