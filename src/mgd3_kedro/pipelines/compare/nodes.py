"""Nodes that compare runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mgd3_kedro.records import KNOBS, RUN_KEYS

if TYPE_CHECKING:
    import pandas as pd


def gather_rows(runs: Mapping[str, Callable[[], pd.DataFrame]], ipc: int) -> pd.DataFrame:
    """Put the rows of all runs with the same number of images per class into one table.

    Args:
        runs: Name -> loads the rows of a run.
        ipc: Images per class.

    Raises:
        ValueError: If no run made so many images per class.

    Source: ours.
    """
    import pandas as pd

    rows = pd.concat([load() for load in runs.values()])
    rows = rows[rows["ipc"] == ipc]
    if rows.empty:
        raise ValueError(f"expected result rows with ipc {ipc}, found none; run distill first")
    return rows.sort_values([*RUN_KEYS, "training_seed"]).reset_index(drop=True)


def tabulate_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per method and knobs: mean and population standard deviation over trainings.

    Source: Minimax diffusion (arXiv 2311.15529), released code, for the population's.
    """
    keys = [key for key in (*RUN_KEYS, *KNOBS) if key != "seed"]
    # Rows of an older version lack the knobs that it did not have.
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *keys])))
    groups = rows.groupby(keys, sort=False, dropna=False)
    table = groups.size().rename("trainings").to_frame()
    for kind in ("top1_last", "top1_best"):
        table[f"{kind}_mean"] = groups[kind].mean()
        table[f"{kind}_std"] = groups[kind].std(ddof=0)
    return table.reset_index().sort_values("top1_last_mean").reset_index(drop=True)
