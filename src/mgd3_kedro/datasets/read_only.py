"""What is read and never written."""

from __future__ import annotations

from typing import Generic, TypeVar

from kedro.io import AbstractDataset, DatasetError

Read = TypeVar("Read")


class ReadOnlyDataset(AbstractDataset[None, Read], Generic[Read]):
    """A dataset that others have written; how it is loaded is left to the subclass."""

    def save(self, data: None) -> None:
        """Refuse.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self} is read only")
