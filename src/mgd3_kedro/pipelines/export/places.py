"""Commands and models as they are told to others: without the folders of this machine."""

from __future__ import annotations

import re
import shlex
from pathlib import PureWindowsPath

SEPARATORS = re.compile(r"([,=;()\[\]{}\"']|:(?=\s))")
"""Between the values of a word of a command."""
HERE = re.compile(r"(file:|sqlite:/*)?(/|~|\\\\|[A-Za-z]:[\\/]|\.\.[\\/])")
"""What a place on this machine begins with; an address on others is none."""


def without_folders(command: str) -> str:
    """Return a command that tells of places on this machine their last name alone."""
    words = shlex.split(command)
    return shlex.join("".join(map(last_name, SEPARATORS.split(word))) for word in words)


def last_name(value: str) -> str:
    """Return the last name of a place on this machine, and any other value as it is."""
    # Windows' paths may be written with either slash.
    return PureWindowsPath(value).name if HERE.match(value) else value
