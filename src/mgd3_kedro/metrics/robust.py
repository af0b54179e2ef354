"""Scores of DD-Ranking: the value of images independent of labels and augmentation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FULL, RANDOM = "full", "random"
"""Reference methods: the whole train split, and the same number of random images."""


def score_robustness(
    hard_label_recovery: float, improvement_over_random: float, weight: float
) -> float:
    """Return the label-robust score.

    Args:
        hard_label_recovery: Accuracy of the whole train split minus that of the method, both with
            hard labels; in percentage points, small is good.
        improvement_over_random: Accuracy of the method minus that of random images, both under the
            method's own protocol; in percentage points.
        weight: Weight of the improvement, in [0, 1]; the recovery has the rest.

    Returns:
        Percent: 0 for the worst possible values of both, 100 for the best. A method that is as good
        as the whole split and no better than random images has 26.9.

    Source: DD-Ranking (arXiv 2505.13300), label-robust score; its accuracies are fractions.
    """
    return _to_score(weight * improvement_over_random - (1 - weight) * hard_label_recovery)


def score_augmentation(improvement: float, plain_improvement: float, weight: float) -> float:
    """Return the augmentation-robust score.

    Args:
        improvement: Accuracy of the method minus that of random images, both with augmentation; in
            percentage points.
        plain_improvement: The same difference without augmentation.
        weight: Weight of the improvement with augmentation, in [0, 1]; the other has the rest.

    Returns:
        Percent, as in `score_robustness`; 26.9 for a method no better than random images.

    Source: DD-Ranking (arXiv 2505.13300), augmentation-robust score.
    """
    return _to_score(weight * improvement + (1 - weight) * plain_improvement)


def _to_score(points: float) -> float:
    return 100 * (math.exp(points / 100) - math.exp(-1)) / (math.e - math.exp(-1))


def add_robust_scores(
    table: pd.DataFrame,
    accuracy: str,
    method_keys: Sequence[str],
    *,
    hard_protocol: str,
    plain_protocol: str,
    lrs_weight: float,
    ars_weight: float,
) -> pd.DataFrame:
    """Return a table of means with the columns `hlr`, `ior` (points), `lrs` and `ars` (percent).

    Scores are NaN if a mean that they need is missing, and for the whole train split. `ars` is
    computed only for lines of the protocol with hard labels.

    Args:
        table: One line per method, ipc, network, protocol and preset of a benchmark.
        accuracy: The column of means, in percent. If several lines are one reference, such as
            random images beside each of two backbones, they are weighted by `trainings`.
        method_keys: Columns that identify a method.
        hard_protocol: The protocol with hard labels.
        plain_protocol: The same protocol without augmentation.
        lrs_weight: Weight of the improvement over random images, in `lrs`.
        ars_weight: Weight of the improvement with augmentation, in `ars`.

    Source: DD-Ranking (arXiv 2505.13300), from means over trainings.
    """
    setting = ("benchmark", "split", "image_size", "network", "preset")
    scores = []
    for _, line in table.iterrows():
        lines = _where(table, line, setting)
        own, is_full = line["protocol"], line["method"] == FULL
        full = _mean(lines[lines["method"] == FULL], accuracy, hard_protocol)
        lines = lines[lines["ipc"] == line["ipc"]]
        random, namesakes = lines[lines["method"] == RANDOM], _where(lines, line, method_keys)
        reached = {
            protocol: line[accuracy] if protocol == own else _mean(namesakes, accuracy, protocol)
            for protocol in (own, hard_protocol, plain_protocol)
        }
        gains = {
            protocol: math.nan if is_full else mean - _mean(random, accuracy, protocol)
            for protocol, mean in reached.items()
        }
        hlr = math.nan if is_full else full - reached[hard_protocol]
        lrs = score_robustness(hlr, gains[own], lrs_weight)
        ars = math.nan
        if own == hard_protocol:
            ars = score_augmentation(gains[own], gains[plain_protocol], ars_weight)
        scores.append((hlr, gains[own], lrs, ars))
    return table.assign(
        **dict(zip(("hlr", "ior", "lrs", "ars"), zip(*scores, strict=True), strict=True))
    )


def _where(table: pd.DataFrame, line: pd.Series, keys: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    for key in keys:
        # Two missing values are the same setting, but NaN == NaN is false.
        table = table[table[key].isna() if pd.isna(line[key]) else table[key] == line[key]]
    return table


def _mean(lines: pd.DataFrame, accuracy: str, protocol: str) -> float:
    lines = lines[(lines["trainings"] > 0) & (lines["protocol"] == protocol)]
    weights = lines["trainings"]
    return float((lines[accuracy] * weights).sum() / weights.sum()) if len(lines) else math.nan
