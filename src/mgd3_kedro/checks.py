"""Checks of values, with error messages that say what was expected and what was given."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

Member = TypeVar("Member")
AUTO = "auto"
"""Value of a setting whose number is derived from the images."""
MOST_LISTED = 40
"""If more names than this are known, a message has only the most similar one, if any."""


class NotFiniteError(ValueError, FloatingPointError):
    """Computed values with NaN or infinity among them."""


def lookup(table: Mapping[str, Member], name: str, family: str) -> Member:
    """Return the member of a family by its name.

    Args:
        table: The family: name -> member.
        name: Name of the member.
        family: Kind of the members, for the error message, e.g. "mode finder".

    Raises:
        ValueError: If the name is unknown; the message lists the known ones.
    """
    if name in table:
        return table[name]
    raise ValueError(unknown_name(name, table, family))


def unknown_name(name: str, known: Iterable[str], family: str) -> str:
    """Return the error message for an unknown name, with the most similar known name.

    If more than `MOST_LISTED` names are known, the message has only the similar one, if any.
    """
    names = sorted(known)
    if not names:
        return f"unknown {family} {name!r}: expected none"
    near = difflib.get_close_matches(str(name), names, n=1)
    if near and len(names) > MOST_LISTED:
        return f"unknown {family} {name!r}: did you mean {near[0]!r}?"
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {family} {name!r}: expected one of {', '.join(names)}{hint}"


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse a value that is not one of the choices.

    Raises:
        ValueError: If it is none of them; the message lists them.
    """
    if value not in (known := tuple(choices)):
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")


def check_range(
    name: str,
    value: float,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> None:
    """Refuse a number outside [low, high]; an open end is excluded.

    Raises:
        ValueError: If the value is not a finite number in the interval.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (
        not is_number
        or not math.isfinite(value)
        or not low <= value <= high
        or (low_open and value == low)
        or (high_open and value == high)
    ):
        opening = "(" if low_open or low == -math.inf else "["
        closing = ")" if high_open or high == math.inf else "]"
        raise ValueError(
            f"{name}: expected a number in {opening}{low}, {high}{closing}, got {value!r}"
        )


def check_count(name: str, value: int, low: int = 1, high: float = math.inf) -> None:
    """Refuse a value that is not a whole number in [low, high].

    Raises:
        ValueError: If it is not; the message names the setting.
    """
    check_range(name, value, low, high)
    if not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, got {value!r}")


def check_count_or_auto(name: str, value: int | str, low: int = 1) -> None:
    """Refuse a value that is neither "auto" nor a whole number of at least `low`.

    Raises:
        ValueError: If it is neither; the message names the setting.
    """
    if not isinstance(value, str):
        check_count(name, value, low)
    elif value != AUTO:
        raise ValueError(f"{name}: expected auto or a whole number, got {value!r}")


def check_flag(name: str, value: object) -> None:
    """Refuse a value that is neither true nor false.

    Raises:
        ValueError: If it is neither; the message names the setting.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, got {value!r}")


def check_name(name: str, value: str) -> None:
    """Refuse a text that a path cannot contain as a name, such as "..".

    Raises:
        ValueError: If it is one; the message names the setting.
    """
    if not re.fullmatch(r"\w[\w.+=-]*", value):
        raise ValueError(
            f"{name}: expected letters, digits, _ and, after the first sign, any of . + = -, got "
            f"{value!r}"
        )


def check_latents(name: str, latents: torch.Tensor) -> None:
    """Refuse a tensor that is empty, not finite or not of shape (N, C, H, W).

    Raises:
        ValueError: If the shape differs or N is 0; the message has the shape.
        NotFiniteError: If samples are not finite; the message has their number.
    """
    if latents.ndim != 4 or len(latents) == 0:
        raise ValueError(
            f"{name}: expected shape (N, C, H, W) with N > 0, got {tuple(latents.shape)}"
        )
    check_finite(name, latents, "check the images and the autoencoder's precision")


def check_finite(name: str, values: torch.Tensor, remedy: str, samples: Sequence[str] = ()) -> None:
    """Refuse values that are not finite, before they are rounded, stored or averaged.

    Args:
        name: Name of the values in the message.
        values: (N, ...), one row for each sample.
        remedy: Advice for the message, which names the precision if that may be the cause.
        samples: Name of each sample; by default "image" and its index.

    Raises:
        NotFiniteError: If samples are not finite; the message has their number and the first one.
    """
    broken = ~torch.isfinite(values).flatten(1).all(1)
    if broken.any():
        first = int(broken.int().argmax())
        raise NotFiniteError(
            f"{name}: expected finite values, got {int(broken.sum())} of {len(values)} samples "
            f"with NaN or infinity, the first is {samples[first] if samples else f'image {first}'};"
            f" {remedy}"
        )


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Prefix the message of a `NotFiniteError` with the owner of the values, such as a class."""
    try:
        yield
    except NotFiniteError as error:
        raise NotFiniteError(f"{what}: {error}") from error
