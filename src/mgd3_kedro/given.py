"""Parameters as they are given for one run, and how they are read."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

TEXTS = ("class_name", "sweep", "knob", "label")
"""Parameters that are text, although what is configured for them may be null."""
PATHS = (
    *("data", "classes", "images", "results", "figures", "earlier", "model", "teacher"),
    "trained_prior",
    *("autoencoder.given", "pretrain.autoencoder.given"),
)
"""Parameters that name a file or folder, or weights on the hub, which look like a path too."""

NAME = re.compile(r"[^\s.=]+(\.[^\s.=]+)*")
INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LEADING_ZEROS = re.compile(r"^([+-]?)0+(?=[0-9])")
COLONS = re.compile(r"[+-]?[0-9]+(:[0-9.]+)+")
FLAGS = {"true": True, "True": True, "false": False, "False": False}
MEANT_FLAGS = {
    **dict.fromkeys(("true", "yes", "y", "on", "1"), "true"),
    **dict.fromkeys(("false", "no", "n", "off", "0"), "false"),
}
BRACKETS = {"[": "]", "(": ")", "{": "}"}
QUOTES = "'\""
BEFORE_QUOTES = "=,;[({"
"""What a quote comes after; elsewhere it is an apostrophe."""


class Text(str):
    """A value as it was written, not read yet; OmegaConf refuses it, so that none goes unread."""

    __slots__ = ()


def split_parameters(texts: Sequence[str]) -> dict[str, Any]:
    """Take what `--params` was given apart, without reading the values.

    Args:
        texts: Of every time the option was given, "a.b=1,c=[x; y]"; commas in brackets or quotes
            belong to the value.

    Returns:
        Nested by the full stops of the names; every leaf is `Text`.

    Raises:
        ValueError: If a part is no KEY=VALUE, a name comes twice, or as a value and as a group.
    """
    values: dict[str, Text] = {}
    for item in (item for text in texts for item in split_apart(text, ",") if item):
        name, sign, value = (part.strip() for part in item.partition("="))
        if not sign or not NAME.fullmatch(name):
            raise ValueError(
                f"--params: expected KEY=VALUE, got {item!r}; a list is written KEY=[a; b]"
            )
        if name in values:
            raise ValueError(
                f"{name}: expected one value in --params, got {values[name]!r} and {value!r}"
            )
        for other in values:
            group, inner = sorted((name, other), key=len)
            if inner.startswith(f"{group}."):
                raise ValueError(
                    f"{group}: expected a value or settings in --params, got {group} and {inner}"
                )
        values[name] = Text(value)
    return nested(values)


def read_parameters(
    given: Mapping[str, Any], configured: Mapping[str, Any], project: Path
) -> dict[str, Any]:
    """Read what was given, each as the type of what is configured.

    Text stays as it is written. Where null is configured, only what looks like null, true or false,
    a number or a list in brackets is read as that. A value that equals the configured one is that.

    Args:
        given: Nested; leaves are `Text`, or values that a program gave, which are kept.
        configured: Nested, of the environment.
        project: Folder that relative paths begin at.

    Returns:
        Nested as `given`, without `Text`.

    Raises:
        ValueError: Naming the parameter, what came, and what to write.
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
            # As equal numbers are written in one way, they have one digest: 4, where 4.0 is meant.
            one = _read(name, value, known.get(name))
            read[name] = known[name] if name in known and one == known[name] else one
        else:
            read[name] = value
    return nested(read)


def read_path(text: str, project: Path) -> str:
    """Write a path in the one way that it has: from the project, if it is within it.

    Args:
        text: A path, relative to the project if it is not absolute; "~" and "~user" are home
            folders. An id on the hub is written as a relative path, and stays as it is.
        project: Its folder.

    Returns:
        A relative path without steps up, or an absolute one. It need not exist.

    Raises:
        ValueError: If it is empty, or the home of nobody.
    """
    if not text:
        raise ValueError(f"expected a path or null, got {text!r}")
    try:
        path = Path(project.absolute(), Path(text).expanduser())
    except RuntimeError as error:
        raise ValueError(f"expected a path, got {text!r}, which is no user's folder") from error
    if ".." in path.parts:
        # A step up from a link leads to where its target is.
        end = len(path.parts) - path.parts[::-1].index("..")
        path = Path(*path.parts[:end]).resolve() / Path(*path.parts[end:])
    # The project may be reached by a link, too.
    root = project.resolve()
    for parent in (path, *path.parents):
        if parent.resolve() == root:
            return str(path.relative_to(parent))
    return str(path)


def over(parameters: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested parameters with others over them."""
    result = dict(parameters)
    for name, value in others.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = over(result[name], value) if both else value
    return result


def flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"a": {"b": 1}} as {"a.b": 1}; an empty group is a value."""
    return dict(_leaves(parameters))


def nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"a.b": 1} as {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for name, value in parameters.items():
        *groups, last = name.split(".")
        group = tree
        for one in groups:
            group = group.setdefault(one, {})
        group[last] = value
    return tree


def split_apart(text: str, separators: str, name: str = "") -> list[str]:
    """Split at separators that are in no brackets and no quotes, without spaces around parts.

    Args:
        text: As on the command line.
        separators: Signs, each of which separates.
        name: Of the parameter, for the error message.

    Raises:
        ValueError: If a bracket or a quote has no end.
    """
    parts, quote, before = [""], "", ""
    closing: list[str] = []
    for sign in text:
        if not quote and not closing and sign in separators:
            parts.append("")
            before = sign
            continue
        if quote:
            quote = "" if sign == quote else quote
        elif sign in QUOTES and before in BEFORE_QUOTES:
            quote = sign
        elif sign in BRACKETS:
            closing.append(BRACKETS[sign])
        elif closing and sign == closing[-1]:
            closing.pop()
        parts[-1] += sign
        before = before if sign.isspace() else sign
    if missing := quote or "".join(closing[-1:]):
        raise ValueError(
            f"{name or parts[-1].partition('=')[0].strip()}: expected {missing} at the end of "
            f"{parts[-1].strip()!r}, got none; put a value with such signs in quotes"
        )
    return [part.strip() for part in parts]


def _read(name: str, text: str, configured: Any) -> Any:
    if text == "null":
        return None
    if isinstance(configured, str) or name in TEXTS:
        return _unquoted(text)
    if isinstance(configured, bool):
        return _read_flag(name, text)
    if isinstance(configured, int | float):
        return _read_number(name, text, configured)
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
        # One type for one parameter: 4 and 4.0 have one digest.
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
        raise ValueError(f"{name}: expected a list, got {text!r}; write it as [a; b]")
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
    if isinstance(value, Text):
        if value == "null":
            return None
        value = _unquoted(value)
    try:
        return read_path(os.fspath(value), project)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _unquoted(text: str) -> str:
    quote = text[:1]
    is_quoted = len(text) > 1 and quote in QUOTES and text.find(quote, 1) == len(text) - 1
    return text[1:-1] if is_quoted else str(text)


def read_number(text: str) -> int | float | None:
    """Return the number that a text is, None if it is none."""
    if INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def _meant_number(text: str) -> str:
    """Return how a number is written that is not written as one, or nothing."""
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", text):
        return str(int(text, 16))
    plain = LEADING_ZEROS.sub(r"\1", text.replace("_", ""))
    return "" if read_number(plain) is None else plain


def _leaves(parameters: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{group}{name}.")
        else:
            yield f"{group}{name}", value
