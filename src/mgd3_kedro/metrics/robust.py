"""DD-Ranking's scores: what images are worth apart from the labels they are trained with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FULL, RANDOM = "full", "random"
"""Methods that others are measured against: the whole train split, and as many random images."""


def score_robustness(
    hard_label_recovery: float, improvement_over_random: float, weight: float
) -> float:
    """Return the label-robust score.

    Args:
        hard_label_recovery: Accuracy of the whole train split minus that of the method, both with
            hard labels; in percentage points, small is good.
        improvement_over_random: Accuracy of the method minus that of random images, both under the
            method's own protocol; in percentage points.
        weight: Of the improvement; the rest is the recovery's. In [0, 1].

    Returns:
        Percent: 0 where both are as bad as can be, 100 where both are as good. A method as good as
        the whole split and no better than random images has 26.9.

    Source: DD-Ranking (arXiv 2505.13300), label-robust score; its accuracies are fractions.
    """
    alpha = (weight * improvement_over_random - (1 - weight) * hard_label_recovery) / 100
    return 100 * (math.exp(alpha) - math.exp(-1)) / (math.e - math.exp(-1))


def add_robust_scores(
    table: pd.DataFrame,
    accuracy: str,
    method_keys: Sequence[str],
    *,
    hard_protocol: str,
    weight: float,
) -> pd.DataFrame:
    """Return a table of means with the columns `hlr` and `ior` (points) and `lrs` (percent).

    They are empty where a mean that they need is missing, and for the whole train split.

    Args:
        table: One line per method, ipc, network, protocol and preset of a benchmark.
        accuracy: The column of means, in percent; `trainings` are their weights where several
            lines are one reference, as random images beside each of two backbones.
        method_keys: Columns that tell methods apart.
        hard_protocol: The protocol that has hard labels.
        weight: Of the improvement over random images.

    Source: DD-Ranking (arXiv 2505.13300), from means over trainings.
    """
    scores = []
    for _, line in table.iterrows():
        setting = _where(table, line, ("benchmark", "split", "image_size", "network", "preset"))
        own, hard = setting["protocol"] == line["protocol"], setting["protocol"] == hard_protocol
        same_ipc = setting["ipc"] == line["ipc"]
        full = _pool(setting[hard & (setting["method"] == FULL)], accuracy)
        random = _pool(setting[own & same_ipc & (setting["method"] == RANDOM)], accuracy)
        recovered = line[accuracy]
        if line["protocol"] != hard_protocol:
            recovered = _pool(_where(setting[hard & same_ipc], line, method_keys), accuracy)
        is_full = line["method"] == FULL
        hlr = math.nan if is_full else full - recovered
        ior = math.nan if is_full else line[accuracy] - random
        scores.append((hlr, ior, score_robustness(hlr, ior, weight)))
    hlrs, iors, totals = zip(*scores, strict=True)
    return table.assign(hlr=hlrs, ior=iors, lrs=totals)


def _where(table: pd.DataFrame, line: pd.Series, keys: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    for key in keys:
        # Two missing values are the same setting, which == denies.
        table = table[table[key].isna() if pd.isna(line[key]) else table[key] == line[key]]
    return table


def _pool(lines: pd.DataFrame, accuracy: str) -> float:
    lines = lines[lines["trainings"] > 0]
    weights = lines["trainings"]
    return float((lines[accuracy] * weights).sum() / weights.sum()) if len(lines) else math.nan
