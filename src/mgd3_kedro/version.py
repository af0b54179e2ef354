"""Version of the code that makes a result."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from mgd3_kedro import __version__

DECIDING = (":/src", ":/conf")
"""Folders that results depend on, from the top of a checkout; tables and figures are elsewhere."""


@cache
def code_version() -> str:
    """Return the package's version and, in a git checkout, the commit and whether it is changed."""
    # A virtual environment may lie in the checkout of another project, whose commit is irrelevant.
    track = ["git", "ls-files", "--error-unmatch", "--", Path(__file__).name]
    describe = ["git", "describe", "--always", "--abbrev=12", "--exclude=*"]
    compare = ["git", "diff", "--quiet", "HEAD", "--", *DECIDING]
    folder = Path(__file__).parent
    try:
        subprocess.run(track, cwd=folder, capture_output=True, check=True)
        commit = subprocess.run(
            describe, cwd=folder, capture_output=True, encoding="utf-8", check=True
        )
        is_changed = subprocess.run(compare, cwd=folder, capture_output=True).returncode != 0
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return f"{__version__}+{commit.stdout.strip()}{'-dirty' if is_changed else ''}"
