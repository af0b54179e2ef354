"""Figures as files."""

import io


def encode_figure(figure):
    """Return the bytes of a figure's PNG file."""
    file = io.BytesIO()
    figure.savefig(file)
    return file.getvalue()
