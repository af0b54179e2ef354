"""The table of results of a run, checked when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kedro_datasets.pandas import CSVDataset

from mgd3_kedro.datasets.result_tables import read_table

if TYPE_CHECKING:
    import pandas as pd


class ResultTableDataset(CSVDataset):
    """A CSV file with one row per training; `read_table` says which tables are refused."""

    def load(self) -> pd.DataFrame:
        """Read the rows."""
        return read_table(Path(self._get_load_path()))
