"""Statistics of methods over their trainings."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.checks import check_choice, check_count, check_range
from mgd3_kedro.metrics.intervals import (
    Resampled,
    accuracy_interval,
    bootstrap_means,
    find_best,
)
from mgd3_kedro.metrics.robust import FULL, add_robust_scores
from mgd3_kedro.result_columns import ACCURACIES, FINISHED, RUN_KEYS, SETTINGS

if TYPE_CHECKING:
    import pandas as pd

FURTHER = (
    *("top1_reported", "balanced_last", "top5_last", "calibration_error"),
    *("epochs", "image_steps", "seconds"),
)
"""Further columns that are averaged, if rows have them."""

TABLE_KEYS = ("benchmark", "split", "image_size", "network", "protocol", "preset")
"""Columns that must be equal for accuracies to be comparable, besides the images per class."""
METHOD_KEYS = ("method", "backbone", "settings")
"""Columns that identify a method; each method has a line in a table."""
GROUP_KEYS = (*(key for key in RUN_KEYS if key != "seed"), *SETTINGS)
"""Columns that are equal for all trainings that are averaged."""


@dataclass(frozen=True)
class CompareConfig:
    """Settings for comparing methods.

    Args:
        headline: Accuracy that tables show and by which methods are compared, one of `ACCURACIES`.
        confidence: Confidence level of intervals, in (0, 1).
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.
        lrs_weight: Weight of the improvement over random images in the label-robust score.
        ars_weight: Weight of the improvement with augmentation in the augmentation-robust score.
        hard_protocol: Protocol with hard labels, for both scores.
        plain_protocol: The same protocol without augmentation.
        against: Method with which all others are compared, seed by seed.

    Raises:
        ValueError: If a setting is not valid; the message names it.
    """

    headline: str
    confidence: float
    resamples: int
    seed: int
    lrs_weight: float
    ars_weight: float
    hard_protocol: str
    plain_protocol: str
    against: str

    def __post_init__(self) -> None:
        check_choice("headline", self.headline, ACCURACIES)
        check_range("confidence", self.confidence, 0, 1, low_open=True, high_open=True)
        check_count("resamples", self.resamples)
        check_count("seed", self.seed, 0)
        check_range("lrs_weight", self.lrs_weight, 0, 1)
        check_range("ars_weight", self.ars_weight, 0, 1)


def find_finished(rows: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows are finished trainings: both accuracies, and no other outcome.

    Args:
        rows: One per training; rows of an older version have no `outcome`.
    """
    finished = rows[list(ACCURACIES)].notna().all(axis=1)
    if "outcome" in rows:
        finished &= rows["outcome"].isna() | (rows["outcome"] == FINISHED)
    return finished


def compare_groups(rows: pd.DataFrame, config: CompareConfig) -> pd.DataFrame:
    """Return one line per method with its settings, ipc, network, protocol and preset.

    Args:
        rows: One per training, accuracies in percent; missing columns count as empty.
        config: How methods are compared.

    Returns:
        The group's keys; `trainings` and `data_sets`, the numbers that are averaged; `diverged` and
        `diverged_trainings`, number and names of the trainings that are not averaged; mean,
        population standard deviation and interval of the mean (`_low`, `_high`, empty for one
        training) of both accuracies; means of `FURTHER`; `among_best` by the headline (never the
        whole train split); robust scores of the headline.

    Source: Minimax diffusion (arXiv 2311.15529), released code, for the population's standard
    deviation; the rest ours.
    """
    import pandas as pd

    wanted = (*GROUP_KEYS, *FURTHER, "seed", "training_seed", "outcome")
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *wanted])))
    lines, draws = [], []
    for _, group in rows.groupby(list(GROUP_KEYS), sort=False, dropna=False):
        about = {key: group[key].iloc[0] for key in GROUP_KEYS}
        line, drawn = _describe_group(about, group, config)
        lines.append(line)
        draws.append(drawn)
    table = pd.DataFrame(lines)
    table["among_best"] = _mark_best(table, draws, config)
    table = add_robust_scores(
        table,
        f"{config.headline}_mean",
        METHOD_KEYS,
        hard_protocol=config.hard_protocol,
        plain_protocol=config.plain_protocol,
        lrs_weight=config.lrs_weight,
        ars_weight=config.ars_weight,
    )
    order = [*TABLE_KEYS, "ipc", f"{config.headline}_mean", "method"]
    return table.sort_values(order, kind="stable").reset_index(drop=True)


def as_text(value: object) -> str:
    """Format a value of a row: numbers without trailing zeros, empty for a missing value."""
    if value is None or value != value:
        return ""
    return f"{value:g}" if isinstance(value, Real) else str(value)


def _describe_group(
    about: dict[str, Any], group: pd.DataFrame, config: CompareConfig
) -> tuple[dict[str, Any], Resampled | None]:
    finished = find_finished(group)
    kept = group[finished]
    data_sets = name_data_sets(kept)
    line = {
        **about,
        "trainings": len(kept),
        "data_sets": int(data_sets.nunique(dropna=False)),
        "diverged": int((~finished).sum()),
        "diverged_trainings": "; ".join(map(_name_training, group[~finished].to_dict("records"))),
    }
    draws: dict[str, Resampled | None] = {}
    for kind in ACCURACIES:
        values = [part.to_numpy(float) for _, part in kept.groupby(data_sets, dropna=False)[kind]]
        low = high = np.nan
        draws[kind] = None
        if len(kept) > 1:
            # The seed depends only on the group, so that other groups do not change its interval.
            generator = np.random.default_rng([config.seed, _digest(about)])
            draws[kind] = drawn = bootstrap_means(values, config.resamples, generator)
            low, high = accuracy_interval(drawn, config.confidence)
        mean, std = _mean_and_std(kept[kind].to_numpy(float))
        line |= {f"{kind}_mean": mean, f"{kind}_std": std, f"{kind}_low": low, f"{kind}_high": high}
    line |= {f"{column}_mean": float(kept[column].astype(float).mean()) for column in FURTHER}
    return line, draws[config.headline]


def name_data_sets(rows: pd.DataFrame) -> pd.Series[str]:
    """Return an identifier of the data set of each row: that of its images, or else its seed.

    A method without randomness makes the same data set with every seed.
    """
    seeds = rows["seed"].astype(str)
    return rows["data_set"].where(rows["data_set"].notna(), seeds) if "data_set" in rows else seeds


def _mark_best(
    table: pd.DataFrame, draws: list[Resampled | None], config: CompareConfig
) -> NDArray[np.bool_]:
    among_best = np.zeros(len(table), dtype=bool)
    compared = table[table["method"] != FULL]
    for _, column in compared.groupby([*TABLE_KEYS, "ipc"], dropna=False):
        places = column.index.to_numpy()
        means = column[f"{config.headline}_mean"].tolist()
        found = find_best(means, [draws[place] for place in places], config.confidence)
        among_best[places] = found
    return among_best


def _mean_and_std(values: NDArray[np.float64]) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (np.nan, np.nan)


def _digest(about: Mapping[str, Any]) -> int:
    return zlib.crc32("|".join(map(as_text, about.values())).encode())


def _name_training(row: Mapping[Any, Any]) -> str:
    outcome = as_text(row["outcome"])
    reason = "no accuracy" if outcome in ("", FINISHED) else outcome
    return f"seed {as_text(row['seed'])}, training {as_text(row['training_seed'])}: {reason}"
