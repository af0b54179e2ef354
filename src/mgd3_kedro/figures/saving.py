"""Figures as bytes: the same ones for the same figure, whenever they are made."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mgd3_kedro.checks import check_choice
from mgd3_kedro.figures.style import DPI

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Format -> what is not written into it: dates, and the version of the library."""

SALT = "mgd3_kedro"


def encode_figure(figure: Figure, file_format: str = "png") -> bytes:
    """Return the bytes of a figure's file, without a date or anything random.

    Args:
        figure: What is drawn.
        file_format: One of `METADATA`.

    Raises:
        ValueError: If the format is not known.
    """
    check_choice("file_format", file_format, METADATA)
    import matplotlib

    file = io.BytesIO()
    # The names of an SVG's parts are random without a salt.
    with matplotlib.rc_context({"svg.hashsalt": SALT}):
        figure.savefig(file, format=file_format, dpi=DPI, metadata=METADATA[file_format])
    return file.getvalue()
