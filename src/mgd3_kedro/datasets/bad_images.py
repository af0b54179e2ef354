"""What is done with files among images that are none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from kedro.io import DatasetError

from mgd3_kedro.counting import count

logger = logging.getLogger(__name__)

BAD_IMAGES = ("stop", "skip")
NAMED = 20
"""Bad files that a message names."""


def check_bad_images(bad_images: str) -> None:
    """Refuse a way to deal with bad files that is not known.

    Raises:
        DatasetError: Naming those that are.
    """
    if bad_images not in BAD_IMAGES:
        raise DatasetError(
            f"bad_images: expected one of {', '.join(BAD_IMAGES)}, got {bad_images!r}"
        )


def tell_bad_images(path: Path, bad: Sequence[str], bad_images: str) -> None:
    """Refuse bad files, or say which are left out.

    Args:
        path: Where the images are.
        bad: Each file, and what is wrong with it.
        bad_images: "stop" or "skip".

    Raises:
        DatasetError: Naming the first of them, if they may not be left out.
    """
    if not bad:
        return
    listed = "\n  ".join(bad[:NAMED])
    more = f"\n  and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    if bad_images == "stop":
        raise DatasetError(
            f"{path}: expected images alone, got {count(len(bad), 'other file')}:\n  "
            f"{listed}{more}\nreplace or remove them, or leave them out with bad_images=skip"
        )
    logger.warning(
        "%s: left out %s, no images:\n  %s%s", path, count(len(bad), "file"), listed, more
    )
