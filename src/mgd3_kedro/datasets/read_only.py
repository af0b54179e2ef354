"""Base class of datasets that are only read."""

from __future__ import annotations

from typing import Generic, TypeVar

from kedro.io import AbstractDataset, DatasetError

Read = TypeVar("Read")


class ReadOnlyDataset(AbstractDataset[None, Read], Generic[Read]):
    """A dataset that can be loaded but not saved; subclasses implement `load`."""

    def save(self, data: None) -> None:
        """Raise an error, because the dataset is read only.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self} is read only")
