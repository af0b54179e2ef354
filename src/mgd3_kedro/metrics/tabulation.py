"""Table of one score of every class and method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgd3_kedro.metrics.normalisation import check_scores

if TYPE_CHECKING:
    import pandas as pd

MEAN = "mean"


def tabulate_diversity(scores: pd.DataFrame, score: str = "diversity") -> pd.DataFrame:
    """Return classes as rows and methods as columns, with the means over classes below.

    Several rows of a class and method (samples, or seeds) are averaged. The mean of a method is NaN
    if a class is missing, because means over fewer classes are not comparable.

    Args:
        scores: Columns `method`, `wnid`, `class_name` and the score, of every class and method.
        score: Column of the score.

    Returns:
        A row per class, in the order of `scores`, and a last one named "mean"; columns `wnid`,
        `class_name` and the methods, in the order of `scores`. NaN where nothing was measured.

    Raises:
        ValueError: If a column is missing, or there is no row.

    Source: arXiv 2505.18963, Table 9.
    """
    import pandas as pd

    check_scores(scores, ("method", "wnid", "class_name", score))
    names = scores.drop_duplicates("wnid").set_index("wnid")["class_name"]
    methods = list(dict.fromkeys(scores["method"]))
    means = scores.groupby(["wnid", "method"], sort=False)[score].mean().unstack("method")
    table = means.reindex(index=names.index, columns=methods)
    head = pd.DataFrame({"wnid": [*names.index, MEAN], "class_name": [*names, ""]})
    last = table.mean(skipna=False).rename(MEAN).to_frame().T
    body = pd.concat([table, last]).reset_index(drop=True).rename_axis(columns=None)
    return pd.concat([head, body], axis=1)
