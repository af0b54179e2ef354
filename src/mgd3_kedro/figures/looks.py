"""What methods look like: the same in every figure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from mgd3_kedro.figures.style import COLOURS, MARKERS, SYMBOLS

METHODS = (
    "mgd3",
    "unguided",
    "d4m",
    "random",
    "kmeans_closest",
    "herding",
    "full",
    "minimax",
    "k_center",
    "rded",
    "dm",
    "idc1",
    "sre2l",
    "dit",
)
"""Methods with a look of their own; the first seven have a colour each."""

LOOKS = len(COLOURS) * len(MARKERS)


@dataclass(frozen=True)
class Look:
    """How the points of one thing are drawn.

    Args:
        colour: As hexadecimal RGB.
        marker: Matplotlib's name of the shape.
        symbol: Plotly's name of the same shape.
    """

    colour: str
    marker: str
    symbol: str


def pick_look(place: int) -> Look:
    """Return the n-th look; the first 49 all differ, the first seven even in colour."""
    rounds, colour = divmod(place % LOOKS, len(COLOURS))
    shape = (colour + rounds) % len(MARKERS)
    return Look(COLOURS[colour], MARKERS[shape], SYMBOLS[shape])


def pick_method_looks(methods: Iterable[str]) -> dict[str, Look]:
    """Give every method its look.

    What is not in `METHODS` has a look that follows from its name, and the next free one where
    another of these methods has that colour.

    Args:
        methods: All methods of the figure, in any order; the looks do not depend on it.

    Returns:
        Method -> its look, in the order given.
    """
    names = list(dict.fromkeys(methods))
    places = {name: METHODS.index(name) for name in names if name in METHODS}
    for name in sorted(set(names) - set(places)):
        start = zlib.crc32(name.encode())
        order = [(start + step) % LOOKS for step in range(LOOKS)]
        free = [place for place in order if place not in places.values()]
        colours = {place % len(COLOURS) for place in places.values()}
        fresh = [place for place in free if place % len(COLOURS) not in colours]
        places[name] = (fresh or free or order)[0]
    return {name: pick_look(places[name]) for name in names}
