"""Durations for people."""

from __future__ import annotations

UNITS = ((3600, "h"), (60, "min"), (1, "s"))


def in_words(seconds: float) -> str:
    """Return a duration in its two largest units: 45 s, 3 min 20 s, 2 h 5 min.

    Source: ours.
    """
    rest, said = round(seconds), []
    for length, unit in UNITS:
        number, rest = divmod(rest, length)
        if number:
            said.append(f"{number} {unit}")
    return " ".join(said[:2]) or "0 s"
