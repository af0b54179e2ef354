"""Parsing of the parameters given for one run, by the types of the configured ones."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgd3_kedro.nesting import flat, nested
from mgd3_kedro.splitting import QUOTES, Text, split_apart

TEXTS = ("class_name", "sweep", "knob", "label")
"""Parameters that are text, although their configured value may be null."""
PATHS = (
    *("data", "classes", "images", "results", "figures", "earlier", "model", "teacher"),
    "trained_prior",
    *("autoencoder.given", "pretrain.autoencoder.given"),
)
"""Parameters that name a file, a folder, or weights on the hub, whose ids look like paths."""
NEEDED = ("data", "model")
"""Those of them that cannot be null."""

AUTO = "auto"
"""Value that stands for a derived number; whether a parameter allows it is checked later."""

INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LEADING_ZEROS = re.compile(r"^([+-]?)0+(?=[0-9])")
COLONS = re.compile(r"[+-]?[0-9]+(:[0-9.]+)+")
FLAGS = {"true": True, "True": True, "false": False, "False": False}
MEANT_FLAGS = {
    **dict.fromkeys(("true", "yes", "y", "on", "1"), "true"),
    **dict.fromkeys(("false", "no", "n", "off", "0"), "false"),
}


def read_parameters(
    given: Mapping[str, Any], configured: Mapping[str, Any], project: Path
) -> dict[str, Any]:
    """Parse each given parameter with the type of its configured value.

    Text stays as written. If null is configured, a value is parsed only if it looks like null,
    true, false, a number or a list in brackets. A value that equals the configured one is replaced
    by it.

    Args:
        given: Given parameters, nested; leaves are `Text`, or values from a program, which are
            not changed.
        configured: Parameters of the environment, nested.
        project: Folder that relative paths start from.

    Returns:
        Parsed parameters, nested as `given`, without `Text`.

    Raises:
        ValueError: If a value cannot be parsed; the message names the parameter and what to
            write.
    """
    known = flat(configured)
    read = {}
    for name, value in flat(given).items():
        if isinstance(value, Text) and any(other.startswith(f"{name}.") for other in known):
            raise ValueError(
                f"{name}: expected its settings, each as {name}.KEY=VALUE, got {value!r}"
            )
        if name in PATHS and isinstance(value, str | os.PathLike):
            read[name] = _read_path(name, value, project)
        elif isinstance(value, Text):
            # Equal numbers must have the same digest, so 4 becomes the configured 4.0.
            one = _read(name, value, known.get(name))
            read[name] = known[name] if name in known and one == known[name] else one
        else:
            read[name] = value
    return nested(read)


def read_path(text: str, project: Path) -> str:
    """Return the canonical form of a path: relative to the project if within it, else absolute.

    Args:
        text: A path, relative to the project if it is not absolute; "~" and "~user" are home
            folders. An id on the hub looks like a relative path and stays unchanged.
        project: Folder of the project.

    Returns:
        A relative path without "..", or an absolute one. It need not exist.

    Raises:
        ValueError: If the text is empty, or names the home folder of an unknown user.
    """
    if not text:
        raise ValueError(f"expected a path, got {text!r}")
    try:
        path = Path(project.absolute(), Path(text).expanduser())
    except RuntimeError as error:
        raise ValueError(f"expected a path, got {text!r}, which is no user's folder") from error
    if ".." in path.parts:
        # ".." after a symbolic link means the parent of the link's target.
        end = len(path.parts) - path.parts[::-1].index("..")
        path = Path(*path.parts[:end]).resolve() / Path(*path.parts[end:])
    # The project itself may be reached through a symbolic link.
    root = project.resolve()
    for parent in (path, *path.parents):
        if parent.resolve() == root:
            return str(path.relative_to(parent))
    return str(path)


def _read(name: str, text: str, configured: Any) -> Any:
    if text == "null":
        return None
    if configured == AUTO and (number := read_number(text)) is not None:
        return number
    if isinstance(configured, str) or name in TEXTS:
        return _unquoted(text)
    if isinstance(configured, bool):
        return _read_flag(name, text)
    if isinstance(configured, int | float):
        return AUTO if text == AUTO else _read_number(name, text, configured)
    if isinstance(configured, Sequence):
        return _read_list(name, text, configured)
    if isinstance(configured, Mapping):
        raise ValueError(f"{name}: expected settings, got {text!r}")
    return _read_plainly(name, text)


def _read_flag(name: str, text: str) -> bool:
    if text in FLAGS:
        return FLAGS[text]
    meant = MEANT_FLAGS.get(text.lower(), "true or false")
    raise ValueError(f"{name}: expected true or false, got {text!r}; write {meant}")


def _read_number(name: str, text: str, configured: float) -> int | float:
    number = read_number(text)
    if number is not None:
        # A parameter has one type, so that 4 and 4.0 have the same digest.
        is_whole = isinstance(configured, int) and number == int(number)
        return int(number) if is_whole else float(number)
    meant = _meant_number(text)
    kind = "a number without leading zeros" if LEADING_ZEROS.match(text) else "a number"
    advice = meant or "it in digits, as 3, 0.5 or 1e-3"
    raise ValueError(f"{name}: expected {kind}, got {text!r}; write {advice}")


def _read_list(name: str, text: str, configured: Sequence[Any]) -> list[Any]:
    is_bracketed = text.startswith("[")
    if is_bracketed and text[1:].strip() == "]":
        return []
    parts = split_apart(text[1:-1] if is_bracketed else text, ",;", name)
    if "" in parts or is_bracketed != text.endswith("]"):
        raise ValueError(f"{name}: expected a list, got {text!r}; write it as '{name}=[a; b]'")
    return [_read(name, part, configured[0] if configured else None) for part in parts]


def _read_plainly(name: str, text: str) -> Any:
    number = read_number(text)
    if number is not None:
        return number
    if text in FLAGS:
        return FLAGS[text]
    if text.startswith("[") and text.endswith("]"):
        return _read_list(name, text, ())
    if not text:
        raise ValueError(f"{name}: expected a value, got none; write null for none")
    in_quotes = f"\"{name}='{text}'\" if it is text"
    if LEADING_ZEROS.match(text) and (meant := _meant_number(text)):
        raise ValueError(
            f"{name}: expected a number without leading zeros, got {text!r}; write {meant}, or "
            f"{in_quotes}"
        )
    if COLONS.fullmatch(text):
        raise ValueError(f"{name}: expected one number, got {text!r}; write {in_quotes}")
    return _unquoted(text)


def _read_path(name: str, value: str | os.PathLike[str], project: Path) -> str | None:
    may_be_null = name not in NEEDED
    if isinstance(value, Text):
        if value == "null" and may_be_null:
            return None
        if value == "null":
            raise ValueError(f"{name}: expected a path, got null")
        value = _unquoted(value)
    if value == "" and may_be_null:
        raise ValueError(f"{name}: expected a path or null, got {value!r}")
    try:
        return read_path(os.fspath(value), project)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _unquoted(text: str) -> str:
    quote = text[:1]
    is_quoted = len(text) > 1 and quote in QUOTES and text.find(quote, 1) == len(text) - 1
    return text[1:-1] if is_quoted else str(text)


def read_number(text: str) -> int | float | None:
    """Return the number that a text represents; None if it is not a finite number."""
    if INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def _meant_number(text: str) -> str:
    """Return the plain form of a number such as 0x10, 007 or 1_000; empty if there is none."""
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", text):
        return str(int(text, 16))
    plain = LEADING_ZEROS.sub(r"\1", text.replace("_", ""))
    return "" if read_number(plain) is None else plain
