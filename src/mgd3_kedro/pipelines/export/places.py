"""Removal of this machine's folders from commands and model names, for publication."""

from __future__ import annotations

import re
import shlex
from pathlib import PureWindowsPath

SEPARATORS = re.compile(r"([,=;()\[\]{}\"']|:(?=\s))")
"""Separators of the values within one word of a command."""
HERE = re.compile(r"(file:|sqlite:/*)?(/|~|\\\\|[A-Za-z]:[\\/]|\.\.[\\/])")
"""Start of a path or file URL on this machine; URLs of other machines do not match."""


def without_folders(command: str) -> str:
    """Return a command in which each path is replaced by its last component."""
    words = shlex.split(command)
    return shlex.join("".join(map(last_name, SEPARATORS.split(word))) for word in words)


def last_name(value: str) -> str:
    """Return the last component of a path; return any other value unchanged."""
    # Windows paths may have slashes or backslashes.
    return PureWindowsPath(value).name if HERE.match(value) else value
