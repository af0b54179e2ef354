"""Settings as `name=value` words, for the names of folders and for result rows."""

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
"""Words of values that are not text."""
MAX_WORDS, DIGITS = 60, 6
MAX_FOLDER_WORDS, FOLDER_DIGITS = 120, 8
"""Most characters, and digits of the digest that ends longer words: first of one setting, then of
all settings in the name of a folder."""


def as_words(name: str, value: Any) -> str:
    """Return a setting as a word that fits the name of a folder and is unique to the value.

    Letters, digits and any of . _ + - stay. If that does not identify the value, "~" and digits of
    a digest follow. Equal numbers have the same word. A list of one value has the word of this
    value, because the configuration decides which of the two a parameter is.

    Args:
        name: Full name of the parameter.
        value: Value of the parameter; of a path, only the last part is written.
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
    """Return the end of a folder's name: empty, or ",a=1,b=2".

    Args:
        words: Words of the settings, in order.
        longest: Most characters. If all words are longer, the first ones that fit are kept, and a
            digest of all words follows.
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
    """Return the text of a value, and whether no other value has the same text."""
    if isinstance(value, str):
        number = None if always_text else read_number(value)
        is_number = number is not None and _tell(number)[0] == value
        words_of_others = ("null",) if always_text else READ_OTHERWISE
        is_list = "+" in value and not always_text
        return value, not (value in words_of_others or is_number or is_list)
    if isinstance(value, list | tuple):
        parts = [_tell(one) for one in value]
        # Nested lists and the empty list have the same text as other values.
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
    # Begins with NUL, which no command line contains, so that it differs from any text value.
    return f"\0{json.dumps(_plain(value), sort_keys=True, default=str)}"


def _digest(text: str, digits: int) -> str:
    # The command line may contain bytes that are not valid UTF-8.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:digits]
