"""Handling of files among the images that are not readable images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from kedro.io import DatasetError

from mgd3_kedro.counting import count

logger = logging.getLogger(__name__)

BAD_IMAGES = ("stop", "skip")
NAMED = 20
"""Maximum number of bad files that a message names."""


def check_bad_images(bad_images: str) -> None:
    """Check that a value of `bad_images` is known.

    Raises:
        DatasetError: If it is unknown; the message lists the known values.
    """
    if bad_images not in BAD_IMAGES:
        raise DatasetError(
            f"bad_images: expected one of {', '.join(BAD_IMAGES)}, got {bad_images!r}"
        )


def tell_bad_images(
    path: Path, bad: Sequence[str], bad_images: str, made_by: str | None = None
) -> None:
    """Raise an error for bad files, or log which ones are skipped.

    Args:
        path: Path of the images.
        bad: One message per bad file: its name and what is wrong with it.
        bad_images: "stop" or "skip".
        made_by: Command that makes the images again; None if they come from somebody else.

    Raises:
        DatasetError: If there are bad files and `bad_images` is "stop"; the message names the first
            ones.
    """
    if not bad:
        return
    listed = "\n  ".join(bad[:NAMED])
    more = f"\n  and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    if bad_images == "stop":
        advice = (
            f"make them again, with the same --env and --params: {made_by}"
            if made_by
            else "replace or remove them, or leave them out with --params bad_images=skip"
        )
        raise DatasetError(
            f"{path}: expected images alone, got {count(len(bad), 'other file')}:\n  "
            f"{listed}{more}\n{advice}"
        )
    logger.warning(
        "%s: left out %s, no images:\n  %s%s", path, count(len(bad), "file"), listed, more
    )
