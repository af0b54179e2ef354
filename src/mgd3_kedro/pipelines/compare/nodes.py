"""Nodes that compare runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from mgd3_kedro.metrics.comparison import (
    TABLE_KEYS,
    CompareConfig,
    compare_groups,
    find_finished,
)
from mgd3_kedro.metrics.paired import compare_pairs
from mgd3_kedro.pipelines.compare.labels import MEASURED, REPORTED
from mgd3_kedro.pipelines.compare.layout import lay_out
from mgd3_kedro.pipelines.compare.writing import write_latex, write_markdown
from mgd3_kedro.result_columns import ACCURACIES, RUN_KEYS

UNKNOWN = "unknown"
"""Settings of rows that lack this column."""

Tables = Mapping[str, Callable[[], pd.DataFrame]]

PUBLISHED_WITH = {"split": "test", "preset": "paper"}
"""Split and preset of published numbers: they are not compared with shorter trainings."""
REPORTED_COLUMNS = {"top1": "reported_top1", "std": "reported_std", "source": "source"}


def gather_rows(runs: Tables, earlier: Tables, split: str) -> pd.DataFrame:
    """Concatenate the result rows of all runs.

    Args:
        runs: File -> function that loads its rows.
        earlier: The same for older tables, or tables from other machines. If a training is also
            in `runs`, with the same configuration, the row of `runs` is kept.
        split: Test split; rows of other splits are dropped. Rows of an older version have no
            split, and are kept.

    Raises:
        ValueError: If no rows are left.
    """
    found = [load() for tables in (runs, earlier) for load in tables.values()]
    found = [table.assign(settings=_settings(table)) for table in found]
    rows = pd.concat(found) if found else pd.DataFrame()
    tested_on = rows["split"] if "split" in rows else pd.Series(split, index=rows.index)
    rows = rows.assign(split=tested_on.fillna(split))
    rows = rows[rows["split"] == split]
    if rows.empty:
        raise ValueError(
            f"expected result rows of the {split} split to compare, found none; run distill first, "
            "with the same --env and --params: kedro run --pipelines=distill"
        )
    rows = rows.assign(configuration=_texts(rows, "configuration"))
    rows = _drop_repeated(rows)
    rows = rows[[*RUN_KEYS, *(column for column in rows if column not in RUN_KEYS)]]
    return rows.sort_values([*RUN_KEYS, "training_seed"]).reset_index(drop=True)


def compare_methods(
    rows: pd.DataFrame, published: Tables, config: CompareConfig, split: str
) -> pd.DataFrame:
    """Return one line per method, ipc, network, protocol and preset, then published results.

    Args:
        rows: One row per training.
        published: Loaders of published results: `top1` and `std` in percent, and `source`; may be
            empty.
        config: Configuration of the comparison.
        split: Test split.

    Returns:
        Lines whose `origin` is measured or reported. Published numbers are in separate columns;
        only those of the same benchmark and split are included.
    """
    measured = compare_groups(rows, config).assign(origin=MEASURED)
    reported = [_read_published(load()) for load in published.values()]
    table = pd.concat([measured, *reported], ignore_index=True)
    table = table[(table["split"] == split) & table["benchmark"].isin(set(rows["benchmark"]))]
    further = [column for column in REPORTED_COLUMNS.values() if column not in table]
    table = table.reindex(columns=[*table.columns, *further])
    table["among_best"] = table["among_best"].eq(True)
    counts, numbers = ["trainings", "data_sets", "diverged"], ["reported_top1", "reported_std"]
    table[counts] = table[counts].fillna(0).astype(int)
    table[numbers] = table[numbers].astype(float)
    first = [*TABLE_KEYS, "ipc", "origin"]
    return table[[*first, *(column for column in table if column not in first)]]


def tabulate_pairs(rows: pd.DataFrame, config: CompareConfig) -> pd.DataFrame:
    """Return the paired differences between methods and a baseline method.

    Args:
        rows: One row per training.
        config: Configuration of the comparison; `against` is the baseline.
    """
    return compare_pairs(rows, config)


def write_tables(comparison: pd.DataFrame, config: CompareConfig) -> tuple[str, str]:
    """Write a comparison as Markdown and as LaTeX: methods as lines, ipc as columns.

    Each benchmark, image size, network, protocol and preset has its own table.

    Returns:
        Markdown and LaTeX.
    """
    tables = lay_out(comparison, config)
    return write_markdown(tables), write_latex(tables)


def tabulate_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per method and settings: mean and population standard deviation.

    Unfinished trainings are left out.

    Source: Minimax diffusion (arXiv 2311.15529), released code, uses the population's deviation.
    """
    keys = [key for key in (*RUN_KEYS, "settings") if key != "seed"]
    rows = rows[find_finished(rows)].assign(settings=_settings(rows))
    groups = rows.groupby(keys, sort=False, dropna=False)
    table = groups.size().rename("trainings").to_frame()
    for kind in ACCURACIES:
        table[f"{kind}_mean"] = groups[kind].mean()
        table[f"{kind}_std"] = groups[kind].std(ddof=0)
    return table.reset_index().sort_values("top1_last_mean").reset_index(drop=True)


def _drop_repeated(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the first row of every training and configuration.

    A row without a configuration is dropped if another row of the same training has one.
    """
    training = [*RUN_KEYS, "settings", "training_seed"]
    rows = rows.drop_duplicates([*training, "configuration"])
    known = rows["configuration"] != ""
    others = rows.assign(known=known).groupby(training, dropna=False)["known"].transform("any")
    return rows[known | ~others]


def _settings(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the settings of each row; `UNKNOWN` for rows of an older version without them."""
    if "settings" in rows:
        return _texts(rows, "settings")
    # Older versions distinguished runs by a column `variant`.
    apart = _texts(rows, "variant").map(str)
    return UNKNOWN + apart.where(apart == "", " variant=" + apart)


def _texts(rows: pd.DataFrame, column: str) -> pd.Series[str]:
    # Pandas reads an empty text in a file as a missing value.
    known = rows[column] if column in rows else pd.Series("", index=rows.index)
    return known.astype(object).fillna("")


def _read_published(rows: pd.DataFrame) -> pd.DataFrame:
    renamed = rows.rename(columns=REPORTED_COLUMNS)
    return renamed.assign(**PUBLISHED_WITH, origin=REPORTED)
