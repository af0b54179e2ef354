"""How many images ended at their own mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NEAREST = "nearest_mode"
"""What columns of the mode that an image ended nearest to are called, or begin with: what follows
is how the space is called that distances were measured in."""


def sum_up_landing(images: pd.DataFrame) -> dict[str, float]:
    """Return the share of images that ended at their own mode, and the modes that images ended at.

    Args:
        images: One row per image: its class `wnid`, the number `mode` of its own mode, and that of
            the mode that it ended nearest to.

    Returns:
        Name -> value; nothing where images were made without modes. `own_mode_rate` is a share, and
        `modes_hit` the mean over classes of how many modes have an image.
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
