"""Paired differences of all methods to one method, on the same data sets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mgd3_kedro.metrics.comparison import (
    METHOD_KEYS,
    TABLE_KEYS,
    CompareConfig,
    as_text,
    find_finished,
)
from mgd3_kedro.metrics.intervals import bootstrap_means, interval_of
from mgd3_kedro.metrics.robust import FULL

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *(*TABLE_KEYS, "ipc", *METHOD_KEYS, "configuration"),
    *("against", "against_backbone", "against_settings"),
    *("data_sets", "data_sets_ahead", "difference_mean", "difference_low", "difference_high"),
)
"""Columns of the table; differences are of accuracies, in percentage points."""
METHOD, BACKBONE, SETTINGS = map(METHOD_KEYS.index, ("method", "backbone", "settings"))


def compare_pairs(rows: pd.DataFrame, config: CompareConfig) -> pd.DataFrame:
    """Return the lead of every method over `config.against` on the seeds that both have.

    Data sets of one seed have more in common than others (the initial noise, the start of the
    training), so their differences vary less than the accuracies do. If the reference method has
    several lines, one with the same backbone is used, if there is one; among these, the one with
    the fewest words of settings.

    Args:
        rows: One per training, accuracies in percent.
        config: How methods are compared.

    Returns:
        `COLUMNS`; `data_sets` is the number of seeds that both have, even if a method makes the
        same images with some of them. Intervals are bootstrapped over these seeds, and empty for a
        single one. The whole train split, and methods without a common seed, have no line.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, on paired
    differences.
    """
    import pandas as pd

    rows = rows[find_finished(rows) & (rows["method"] != FULL)]
    rows = rows.assign(configuration=rows["configuration"].fillna(""))
    lines: list[dict[str, Any]] = []
    for keys, same in rows.groupby([*TABLE_KEYS, "ipc"], sort=True, dropna=False):
        groups = {
            tuple(map(as_text, of)): part.groupby("seed")[config.headline].mean()
            for of, part in same.groupby([*METHOD_KEYS, "configuration"], sort=True, dropna=False)
        }
        about = dict(zip((*TABLE_KEYS, "ipc"), keys, strict=True))
        lines += ({**about, **line} for line in _pairs_of(groups, config))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _pairs_of(
    groups: Mapping[tuple[str, ...], pd.Series[float]], config: CompareConfig
) -> Iterator[dict[str, Any]]:
    rivals = [of for of in groups if of[METHOD] == config.against]
    if not rivals:
        return
    for of, accuracies in groups.items():
        rival = min(
            rivals, key=lambda one: (one[BACKBONE] != of[BACKBONE], len(one[SETTINGS].split()))
        )
        differences = (accuracies - groups[rival]).dropna().to_numpy(float)
        if of == rival or not len(differences):
            continue
        low = high = np.nan
        if len(differences) > 1:
            seed = zlib.crc32("|".join((*of, *rival)).encode())
            generator = np.random.default_rng([config.seed, seed])
            drawn = bootstrap_means([*differences[:, None]], config.resamples, generator)
            low, high = interval_of(drawn, config.confidence)
        yield {
            **dict(zip((*METHOD_KEYS, "configuration"), of, strict=True)),
            "against": config.against,
            "against_backbone": rival[BACKBONE],
            "against_settings": rival[SETTINGS],
            "data_sets": len(differences),
            "data_sets_ahead": int((differences > 0).sum()),
            "difference_mean": float(differences.mean()),
            "difference_low": low,
            "difference_high": high,
        }
