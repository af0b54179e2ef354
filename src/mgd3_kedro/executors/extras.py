"""Libraries that are not installed with the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing(extra: str) -> Iterator[None]:
    """Say which extra has a library that is missing.

    Raises:
        ModuleNotFoundError: If an import fails.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"executor {extra}: expected the library {error.name}, which is not installed; "
            f"pip install 'mgd3_kedro[{extra}]'",
            name=error.name,
        ) from error
