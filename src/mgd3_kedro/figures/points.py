"""Sets of points in a plane, checked before they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.counting import count

Points = NDArray[Any]
"""(N, 2), any real dtype."""


def check_points(name: str, points: Points) -> NDArray[np.float64]:
    """Return points as float64.

    Raises:
        ValueError: If they are not (N, 2) with N > 0.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"{name}: expected shape (N, 2) with N > 0, got {points.shape}")
    return points


def keep_finite(
    sets: Mapping[str, Points],
) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Leave out points that are not finite.

    Args:
        sets: Name -> its points, (N, 2).

    Returns:
        Name -> its finite points, in order; and a sentence per set on what was left out.

    Raises:
        ValueError: If a set is not (N, 2) with N > 0.
    """
    kept, notes = {}, []
    for name, points in sets.items():
        checked = check_points(name, points)
        finite = np.isfinite(checked).all(axis=1)
        kept[name] = checked[finite]
        if missing := int((~finite).sum()):
            notes.append(f"left out: {count(missing, 'sample')} of {name} that are not finite")
    return kept, notes
