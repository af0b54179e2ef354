"""Share of images that ended at their own mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NEAREST = "nearest_mode"
"""Name, or start of the name, of columns with the mode that an image ended nearest to; the rest of
the name is the space in which distances were measured."""


def sum_up_landing(images: pd.DataFrame) -> dict[str, float]:
    """Return the share of images that ended at their own mode, and the number of modes hit.

    Args:
        images: One row per image: its class `wnid`, the number `mode` of its own mode, and the
            number of the mode that it ended nearest to.

    Returns:
        Name -> value; empty if images were made without modes. `own_mode_rate` is a share, and
        `modes_hit` the mean over classes of the number of modes that have an image.
    """
    found: dict[str, float] = {}
    for column in images:
        name = str(column)
        if name.startswith(NEAREST) and images[name].notna().all():
            ending = name.removeprefix(NEAREST)
            found[f"own_mode_rate{ending}"] = float((images[name] == images["mode"]).mean())
            hit = images.groupby("wnid")[name].nunique()
            found[f"modes_hit{ending}"] = float(hit.mean())
    return found
