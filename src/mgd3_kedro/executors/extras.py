"""Optional libraries, which extras of the package install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing(extra: str) -> Iterator[None]:
    """Name the extra that installs a library, if its import within the block fails.

    Args:
        extra: Name of the extra.

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
