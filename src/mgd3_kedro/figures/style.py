"""Common style of all figures: colours, font sizes, axes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.ImageFont import FreeTypeFont

DPI = 150
SMALL, MEDIUM, LARGE = 7.5, 9.0, 11.0
INK, QUIET, LIGHT, FAINT = "#222222", "#6b6b6b", "#aeb4bd", "#d5d8dc"

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, readable for the colour-blind; without yellow, which is hard to see on
white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x")
"""Plotly's names of these markers."""
LINE_STYLES = ("-", "--", ":", "-.")

NARROW = 4.4
"""Width in inches of a narrow figure; shown 400 pixels wide, its smallest text is 9 pixels high."""
ENTRY, PER_CHARACTER = 0.5, 0.075
TITLE_PER_INCH = 9
"""Number of characters per inch in a line of a title."""
NOTE_LENGTH, LABEL_LENGTH = 72, 50


def start_figure(width: float, height: float, title: str = "") -> Figure:
    """Return an empty figure without a window, outside matplotlib's global state.

    Args:
        width: In inches.
        height: In inches.
        title: Above all axes, wrapped over several lines if needed; empty for none.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.07, h_pad=0.07)
    if title:
        wrapped = textwrap.fill(title, int(TITLE_PER_INCH * width))
        figure.suptitle(wrapped, fontsize=LARGE, color=INK, fontweight="bold")
    return figure


def tidy_axes(axes: Axes, *, grid: bool = False) -> None:
    """Apply the common style to axes: no box, quiet ticks, and a faint grid if wanted."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(which="both", labelsize=SMALL, colors=QUIET, labelcolor=INK)
    if grid:
        axes.grid(True, color=FAINT, linewidth=0.5, alpha=0.7)
        axes.set_axisbelow(True)


def add_legend(
    figure: Figure, handles: Sequence[Artist], notes: Sequence[str] = (), *, columns: int = 0
) -> None:
    """Put a legend below all axes, with notes on the data above its entries.

    Args:
        figure: Figure with the constrained layout, so that axes make room.
        handles: Artists that have a label.
        notes: Notes, one per line, wrapped.
        columns: Number of columns; 0 for as many as fit.
    """
    labels = [shorten(str(handle.get_label()), LABEL_LENGTH) for handle in handles]
    longest = max(map(len, labels), default=0)
    fitting = int(figure.get_figwidth() / (ENTRY + PER_CHARACTER * longest))
    legend = figure.legend(
        handles=list(handles),
        labels=labels,
        loc="outside lower center",
        ncols=columns or max(1, min(len(handles), fitting)),
        frameon=False,
        fontsize=MEDIUM,
        title="\n".join(textwrap.fill(note, NOTE_LENGTH) for note in notes),
        title_fontsize=SMALL,
    )
    legend.get_title().set_color(QUIET)


def pick_line_style(position: int) -> tuple[str, str]:
    """Return colour and line style of the n-th line; the first 28 all differ."""
    rounds, colour = divmod(position, len(COLOURS))
    return COLOURS[colour], LINE_STYLES[rounds % len(LINE_STYLES)]


def shorten(words: str, length: int) -> str:
    """Cut a text to a number of characters, with an ellipsis if something is cut off."""
    return words if len(words) <= length else words[: length - 1].rstrip(" ,") + "…"


def load_font(size: int, *, bold: bool = False) -> FreeTypeFont:
    """Return the font of the charts, for use in pictures; it comes with matplotlib.

    Args:
        size: In pixels.
        bold: Whether the font is bold.
    """
    import matplotlib
    from PIL import ImageFont

    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", file)), size)
