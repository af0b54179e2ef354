"""Colours and markers (looks) of methods, the same in every figure."""

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
"""Methods with a fixed look; the first seven all differ in colour."""

LOOKS = len(COLOURS) * len(MARKERS)


@dataclass(frozen=True)
class Look:
    """Colour and marker of the points of a method or mode.

    Args:
        colour: As hexadecimal RGB.
        marker: Matplotlib's name of the shape.
        symbol: Plotly's name of the same shape.
    """

    colour: str
    marker: str
    symbol: str


def pick_look(place: int) -> Look:
    """Return the n-th look; the first 49 all differ, and the first seven also in colour."""
    rounds, colour = divmod(place % LOOKS, len(COLOURS))
    shape = (colour + rounds) % len(MARKERS)
    return Look(COLOURS[colour], MARKERS[shape], SYMBOLS[shape])


def pick_method_looks(methods: Iterable[str]) -> dict[str, Look]:
    """Return the look of every method.

    A method that is not in `METHODS` gets a look that follows from its name. If another of these
    methods has the same colour, it gets the next free look.

    Args:
        methods: All methods of the figure; their order does not affect the looks.

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
