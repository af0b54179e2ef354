"""Files that come with the package: configuration, class tables, published numbers, a prior."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent


def shipped_folder() -> Path:
    """Return the folder with these files, of an installed package or of a checkout.

    Raises:
        FileNotFoundError: If neither has them.
    """
    places = (PACKAGE / "project", PACKAGE.parents[1])
    for place in places:
        if (place / "conf/base").is_dir():
            return place
    raise FileNotFoundError(
        f"expected conf/base in {places[0]} or {places[1]}, found it in neither; install the "
        "package again"
    )
