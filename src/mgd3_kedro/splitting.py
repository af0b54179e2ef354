"""Splitting of the text of `--params` into names and unparsed values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mgd3_kedro.nesting import nested

NAME = re.compile(r"[^\s.=]+(\.[^\s.=]+)*")
BRACKETS = {"[": "]", "(": ")", "{": "}"}
QUOTES = "'\""
BEFORE_QUOTES = "=,;[({"
"""Characters after which a quote begins; after others it is an apostrophe."""
QUOTED = """a value that has commas is written --params "KEY='a,b'\""""


class Text(str):
    """An unparsed value; OmegaConf refuses this type, so that no value stays unparsed."""

    __slots__ = ()


def split_parameters(texts: Sequence[str]) -> dict[str, Any]:
    """Split the texts of `--params` into names and values, without parsing the values.

    Args:
        texts: Text of each `--params` option, such as "a.b=1,c=[x; y]"; commas in brackets or
            quotes belong to the value.

    Returns:
        Parameters, nested by the dots in their names; every leaf is `Text`.

    Raises:
        ValueError: If a part is not KEY=VALUE, or a name is given twice, or as a value and as a
            group.
    """
    values: dict[str, Text] = {}
    for item in (item for text in texts for item in split_apart(text, ",") if item):
        name, sign, value = (part.strip() for part in item.partition("="))
        if not sign or not NAME.fullmatch(name):
            raise ValueError(
                f"--params: expected KEY=VALUE, got {item!r}; a list is written "
                f"--params 'KEY=[a; b]', {QUOTED}"
            )
        if name in values:
            raise ValueError(
                f"{name}: expected one value in --params, got {values[name]!r} and {value!r}; "
                + QUOTED
            )
        for other in values:
            group, inner = sorted((name, other), key=len)
            if inner.startswith(f"{group}."):
                raise ValueError(
                    f"{group}: expected a value or settings in --params, got {group} and {inner}"
                )
        values[name] = Text(value)
    return nested(values)


def split_apart(text: str, separators: str, name: str = "") -> list[str]:
    """Split a text at separators outside brackets and quotes; strip spaces around the parts.

    Args:
        text: Text from the command line.
        separators: Characters, each of which is a separator.
        name: Name of the parameter, for the error message.

    Raises:
        ValueError: If a bracket or a quote is not closed.
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
            f"{parts[-1].strip()!r}, got none; a value with such signs "
            """is written --params "KEY='...'\""""
        )
    return [part.strip() for part in parts]
