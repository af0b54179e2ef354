"""Results of the finished points of a sweep, read together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kedro.io import DatasetError

from mgd3_kedro.datasets.given_images import MADE_BY, GivenImagesDataset
from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.datasets.result_tables import read_table
from mgd3_kedro.datasets.stored import fetch_kept, open_store
from mgd3_kedro.points import POINT, FinishedPoint, columns_of, read_points
from mgd3_kedro.stages import Partition

if TYPE_CHECKING:
    import pandas as pd

Found = TypeVar("Found")


class SweepResultsDataset(ReadOnlyDataset[Found], Generic[Found]):
    """One catalog entry of every finished point of a sweep; read only.

    Args:
        path: Folder of the sweep.
        entry: Name of the catalog entry.
        root: Folder of the project.
        store: Fields of the `Store` from which results are fetched; None for no store.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(
        self,
        *,
        path: str,
        entry: str,
        root: str = ".",
        store: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(path)
        self._entry = entry
        self._root = Path(root)
        self._store = open_store(store)
        self.metadata = metadata

    def load(self) -> Found:
        """Return the entries of all points that have one, put together by `combine`.

        Raises:
            DatasetError: If there is no such sweep, or none of its points is finished.
        """
        try:
            points = read_points(self._path)
        except ValueError as error:
            raise DatasetError(str(error)) from error
        found = [
            (point, self._root / point.places[self._entry])
            for point in points
            if self._entry in point.places
        ]
        for _, place in found:
            fetch_kept(place, self._store)
        try:
            return self.combine([(point, place) for point, place in found if place.exists()])
        except ValueError as error:
            raise DatasetError(str(error)) from error

    @staticmethod
    @abstractmethod
    def combine(found: list[tuple[FinishedPoint, Path]]) -> Found:
        """Put the entries of some points together.

        Args:
            found: Points, and the path of the entry of each.
        """

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "entry": self._entry}


class SweepTablesDataset(SweepResultsDataset["pd.DataFrame"]):
    """Rows of all points, with `point` and the axes as first columns; empty if there are none.

    Every axis becomes a column, named by `columns_of`, unless the tables have a column of that
    name.
    """

    @staticmethod
    def combine(found: list[tuple[FinishedPoint, Path]]) -> pd.DataFrame:
        """Concatenate the tables of some points."""
        import pandas as pd

        tables = []
        for point, place in found:
            table = read_table(place)
            columns = columns_of(point.values)
            values = {columns[key]: value for key, value in point.values.items()}
            further = {name: value for name, value in values.items() if name not in table}
            table = table.assign(**further, **{POINT: point.name})
            first = [POINT, *further]
            tables.append(table[[*first, *table.columns.drop(first)]])
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


class SweepImagesDataset(SweepResultsDataset[dict[str, dict[str, Partition]]]):
    """point -> wnid -> images (ipc, 3, H, W), uint8."""

    @staticmethod
    def combine(found: list[tuple[FinishedPoint, Path]]) -> dict[str, dict[str, Partition]]:
        """Load the images of some points."""
        return {
            point.name: GivenImagesDataset(filepath=str(place), made_by=MADE_BY).load()
            for point, place in found
        }
