"""Which code made a result."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from mgd3_kedro import __version__


@cache
def code_version() -> str:
    """Return the package's version and, in a git checkout, the commit and whether it is changed.

    Source: ours.
    """
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        described = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return f"{__version__}+{described.stdout.strip()}"
