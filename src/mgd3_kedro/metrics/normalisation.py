"""Normalisation of the scores of several methods to one scale, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mgd3_kedro.metrics.diversity import normalise_jointly

if TYPE_CHECKING:
    import pandas as pd

SMALLER_IS_BETTER = {"diversity": False, "representativeness": True}
"""Scores that are normalised -> whether they are reversed, so that 1 is best."""


def normalise_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Add diversity and representativeness, min-max normalised per class over all methods.

    The range of a class covers all its rows. With one row per class and method, two methods always
    get 0 and 1: pass one row per sample if the size of their difference matters.

    Args:
        scores: Distances `diversity` and `representativeness` (small is good) of every `method` and
            class (`wnid`); a row per sample, or one per class.

    Returns:
        The rows with `diversity_normalised` and `representativeness_normalised`, in [0, 1] with 1
        best. NaN stays NaN. If all values of a class are equal, diversity is 0 and
        representativeness 1.

    Raises:
        ValueError: If a column is missing, there is no row, or classes differ in their methods,
            which would make their ranges incomparable.

    Source: arXiv 2505.18963, Figures 3, 6 and 7.
    """
    check_scores(scores, ("method", "wnid", *SMALLER_IS_BETTER))
    methods = {wnid: set(names) for wnid, names in scores.groupby("wnid", sort=False)["method"]}
    expected = set().union(*methods.values())
    for wnid, found in methods.items():
        if found != expected:
            raise ValueError(
                f"scores: expected every class with the same methods {sorted(expected)}, "
                f"got {sorted(found)} for {wnid!r}"
            )
    return scores.assign(
        **{
            f"{name}_normalised": _normalise(scores, name, is_reversed)
            for name, is_reversed in SMALLER_IS_BETTER.items()
        }
    )


def check_scores(scores: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that scores have all columns and at least one row.

    Raises:
        ValueError: If a column is missing, or there is no row; the message names the columns.
    """
    missing = [column for column in columns if column not in scores]
    if missing:
        raise ValueError(f"scores: expected columns {', '.join(missing)}, got {list(scores)}")
    if scores.empty:
        raise ValueError("scores: expected at least one row, got none")


def _normalise(scores: pd.DataFrame, name: str, is_reversed: bool) -> pd.Series[float]:
    import pandas as pd

    def normalise(values: pd.Series[float]) -> pd.Series[float]:
        pooled = {"all": values.to_numpy(float)}
        normalised = normalise_jointly(pooled, smaller_is_better=is_reversed)["all"]
        return pd.Series(normalised, index=values.index)

    return scores.groupby("wnid", sort=False)[name].transform(normalise)
