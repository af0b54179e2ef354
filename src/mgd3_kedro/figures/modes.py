"""Distribution of the images of each class over its modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mgd3_kedro.figures.labels import note_selection
from mgd3_kedro.figures.style import COLOURS, INK, QUIET, SMALL, shorten, start_figure, tidy_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME_LENGTH = 18
SHOWN = 20


def draw_modes(
    sizes: Mapping[str, Sequence[int]],
    spreads: Mapping[str, tuple[float, float]],
    *,
    title: str = "",
) -> Figure:
    """Draw the cluster sizes of the first classes, and the distances within and between modes.

    Args:
        sizes: Class -> number of real images of each mode.
        spreads: Class -> root mean squared distance of members to their mode, and of modes to the
            mean of the class.
        title: Above the panels; empty for none.

    Raises:
        ValueError: If there is no class, or `sizes` and `spreads` have different classes.
    """
    if not sizes or list(sizes) != list(spreads):
        raise ValueError(
            f"spreads: expected the classes of the sizes, at least one, got {list(sizes)} and "
            f"{list(spreads)}"
        )
    names = list(sizes)[:SHOWN]
    rows = range(len(names))
    selection = note_selection(SHOWN, len(sizes), "classes")
    about = f"{title}: {selection}" if title and selection else title or selection
    figure = start_figure(8.4, 1.6 + 0.24 * len(names), about)
    left, right = figure.subplots(1, 2, sharey=True)
    for row, name in enumerate(names):
        left.plot(sizes[name], [row] * len(sizes[name]), "|", color=COLOURS[0], markersize=9)
    left.set_xlim(left=0)
    left.set_xlabel("images of a mode", fontsize=SMALL, color=INK)
    within, between = zip(*(spreads[name] for name in names), strict=True)
    right.plot(within, rows, "o", color=COLOURS[0], label="within a mode", markersize=5)
    right.plot(between, rows, "D", color=COLOURS[1], label="between modes", markersize=5)
    right.hlines(rows, within, between, color=QUIET, linewidth=0.8, zorder=0)
    right.set_xlim(left=0)
    right.set_xlabel("root mean squared distance in latent space", fontsize=SMALL, color=INK)
    right.legend(fontsize=SMALL, frameon=False, loc="best")
    left.set_yticks(rows, [shorten(name, NAME_LENGTH) for name in names])
    left.invert_yaxis()
    for axes in (left, right):
        tidy_axes(axes, grid=True)
    return figure
