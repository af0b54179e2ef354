"""The words that tell a setting, in the name of a folder and in rows."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from mgd3_kedro.given import PATHS, TEXTS, read_number

READ_OTHERWISE = ("null", "true", "false", "inf", "-inf", "nan")
"""Words of values that are no text."""
MAX_WORDS, DIGITS = 60, 6
MAX_FOLDER_WORDS, FOLDER_DIGITS = 120, 8
"""Characters, and those of a digest where that many do not tell all."""


def as_words(name: str, value: Any) -> str:
    """Return a setting in words that fit the name of a folder, unlike those of any other value.

    Letters, digits and any of . _ + - stay; where that does not tell all, digits of a digest follow
    after "~". Equal numbers have the same words. A list of one has those of its value: what is
    configured decides which of the two a parameter is.

    Args:
        name: Of the parameter, with its groups; of a path only the last part is told.
        value: What it is set to.
    """
    if name in PATHS and isinstance(value, str | os.PathLike):
        told, is_all = PurePath(value).name, False
    else:
        told, is_all = _tell(value, always_text=name in TEXTS)
    words = f"{name}={re.sub(r'[^A-Za-z0-9._+-]', '-', told)}"
    if is_all and words == f"{name}={told}" and len(words) <= MAX_WORDS:
        return words
    return f"{words[: MAX_WORDS - 1 - DIGITS]}~{_digest(_in_full(value), DIGITS)}"


def folder_words(words: Sequence[str], longest: int = MAX_FOLDER_WORDS) -> str:
    """Return what a folder's name ends with: nothing, or ",a=1,b=2".

    Args:
        words: Of settings, in order.
        longest: Characters at most; the first words that fit are told, with a digest of all.
    """
    text = "".join(f",{one}" for one in words)
    if len(text) <= longest:
        return text
    ending = f",~{_digest(text, FOLDER_DIGITS)}"
    kept = ""
    for one in words:
        if len(kept) + 1 + len(one) + len(ending) > longest:
            break
        kept += f",{one}"
    return kept + ending


def _tell(value: Any, always_text: bool = False) -> tuple[str, bool]:
    """Return what is to be told of a value, and whether no other value is told like it."""
    if isinstance(value, str):
        number = None if always_text else read_number(value)
        is_number = number is not None and _tell(number)[0] == value
        words_of_others = ("null",) if always_text else READ_OTHERWISE
        is_list = "+" in value and not always_text
        return value, not (value in words_of_others or is_number or is_list)
    if isinstance(value, list | tuple):
        parts = [_tell(one) for one in value]
        # Of lists within lists, and of an empty one, the words are those of others too.
        is_flat = not any(isinstance(one, list | tuple) for one in value)
        is_all = is_flat and all(told and is_all for told, is_all in parts)
        return "+".join(told for told, _ in parts), is_all and bool(parts)
    plain = _plain(value)
    if plain is None or isinstance(plain, bool | int | float):
        return json.dumps(plain).replace("Infinity", "inf").replace("NaN", "nan"), True
    return json.dumps(plain, sort_keys=True, default=str), False


def _plain(value: Any) -> Any:
    """Return a value for JSON, with equal numbers written alike."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    return value


def _in_full(value: Any) -> str:
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    # Begins with a sign that no command line has: text that reads like it is another value.
    return f"\0{json.dumps(_plain(value), sort_keys=True, default=str)}"


def _digest(text: str, digits: int) -> str:
    # The command line may hold bytes that are no UTF-8.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:digits]
