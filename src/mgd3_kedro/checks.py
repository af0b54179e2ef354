"""Refusals in one wording: what was expected, and what came."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

Member = TypeVar("Member")
AUTO = "auto"
"""Setting that stands for a number that fits the images."""
MOST_LISTED = 40
"""Names that a message lists beside the nearest one."""


class NotFiniteError(ValueError, FloatingPointError):
    """Computed values with NaN or infinity among them."""


def lookup(table: Mapping[str, Member], name: str, family: str) -> Member:
    """Return a family's member by name.

    Args:
        table: The family, name -> member.
        name: The name asked for.
        family: What a member is called in the error message, e.g. "mode finder".

    Raises:
        ValueError: If the name is unknown; the message lists the known ones.
    """
    if name in table:
        return table[name]
    raise ValueError(unknown_name(name, table, family))


def unknown_name(name: str, known: Iterable[str], family: str) -> str:
    """Word the message for a name that is not in a family, with the nearest one that is.

    Of many names that one alone is told.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    if near and len(names) > MOST_LISTED:
        return f"unknown {family} {name!r}: did you mean {near[0]!r}?"
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {family} {name!r}: expected one of {', '.join(names)}{hint}"


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse what is not one of the choices.

    Raises:
        ValueError: Listing the choices.
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
    """Refuse a number outside [low, high], without the ends that are open.

    Raises:
        ValueError: If the value is no finite number of the interval.
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
    """Refuse what is not a whole number of [low, high].

    Raises:
        ValueError: Naming the setting.
    """
    check_range(name, value, low, high)
    if not isinstance(value, int):
        raise ValueError(f"{name}: expected a whole number, got {value!r}")


def check_count_or_auto(name: str, value: int | str, low: int = 1) -> None:
    """Refuse what is neither "auto" nor a whole number from `low` on.

    Raises:
        ValueError: Naming the setting.
    """
    if not isinstance(value, str):
        check_count(name, value, low)
    elif value != AUTO:
        raise ValueError(f"{name}: expected auto or a whole number, got {value!r}")


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither true nor false.

    Raises:
        ValueError: Naming the setting.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, got {value!r}")


def check_latents(name: str, latents: torch.Tensor) -> None:
    """Refuse what is not a non-empty, finite (N, C, H, W) tensor.

    Raises:
        ValueError: With the shape found, or, as a NotFiniteError, how many samples are not finite.
    """
    if latents.ndim != 4 or len(latents) == 0:
        raise ValueError(
            f"{name}: expected shape (N, C, H, W) with N > 0, got {tuple(latents.shape)}"
        )
    check_finite(name, latents, "check the images and the autoencoder's precision")


def check_finite(name: str, values: torch.Tensor, remedy: str, samples: Sequence[str] = ()) -> None:
    """Refuse values that are not finite, before they are rounded, stored or averaged.

    Args:
        name: What the values are called in the message.
        values: (N, ...), one row for each sample.
        remedy: What to do about it, the precision included if that may be why.
        samples: What each sample is called; else they are images by their numbers.

    Raises:
        NotFiniteError: With the number of samples that are not, and the first of them.
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
    """Put what values are of, such as a class, in front of the message that they are not finite."""
    try:
        yield
    except NotFiniteError as error:
        raise NotFiniteError(f"{what}: {error}") from error
