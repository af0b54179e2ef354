"""Commands of the project: `kedro run`, with errors in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError

logger = logging.getLogger(__name__)

EXPECTED = (ParameterValidationError, DatasetError, ValueError, FloatingPointError, OSError)
INTERRUPTED = 130


@click.group(name="mgd3_kedro")
def cli() -> None:
    """Commands of the project."""


def describe_error(error: BaseException) -> str:
    """Return an error in one line: the cause, without what Kedro wraps around it.

    Source: ours.
    """
    while str(error).startswith("Failed while") and error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip("- ") for line in str(error).splitlines() if line.strip()]
    if isinstance(error, ParameterValidationError):
        lines = [line.split(": ", 1)[-1] if " for parameter " in line else line for line in lines]
        lines = lines[1:]
    return "; ".join(lines) or type(error).__name__


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn expected errors into one line and exit code 1; others keep their traceback.

    Source: ours.
    """
    try:
        yield
    except EXPECTED as error:
        logger.debug("the whole error:", exc_info=error)
        raise click.ClickException(describe_error(error)) from error
    except KeyboardInterrupt:
        click.echo("Interrupted; what was finished is kept, run again to go on.", err=True)
        raise SystemExit(INTERRUPTED) from None


def _run(**options: Any) -> Any:
    with plain_errors():
        return kedro_run.callback(**options)  # type: ignore[misc]


cli.add_command(click.Command("run", params=kedro_run.params, callback=_run, help=kedro_run.help))
