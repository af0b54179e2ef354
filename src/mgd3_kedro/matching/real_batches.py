"""Endless batches of real images of several classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from mgd3_kedro.matching.pixels import RealImages


def shuffled_batches(count: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Yield full batches of row indices in random order, without end.

    Args:
        count: Number of rows.
        size: Rows per batch; if it is above `count`, batches have `count` rows.
        generator: Source of randomness, on CPU; used whenever a new order starts.

    Yields:
        (min(size, count),), int64.
    """
    size = min(size, count)
    while True:
        order = torch.randperm(count, generator=generator)
        yield from order[: count - count % size].split(size)


class LabelledBatches:
    """Endless batches of images and labels, over all classes.

    Args:
        classes: Images of each class, (N, 3, S, S), uint8; the position is the label.
        size: Most images per batch.
        generator: Source of randomness, on CPU.
    """

    def __init__(
        self, classes: Sequence[RealImages], size: int, generator: torch.Generator
    ) -> None:
        self._classes = classes
        counts = torch.tensor([len(images) for images in classes])
        self._labels = torch.arange(len(classes)).repeat_interleave(counts)
        self._rows = torch.cat([torch.arange(int(count)) for count in counts])
        self.per_epoch = max(1, len(self._rows) // size)
        self._batches = shuffled_batches(len(self._rows), size, generator)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the next images (B, 3, S, S), uint8, and labels (B,), int64."""
        chosen = next(self._batches)
        labels, rows = self._labels[chosen], self._rows[chosen]
        pairs = zip(labels.tolist(), rows.tolist(), strict=True)
        return torch.stack([self._classes[label][row] for label, row in pairs]), labels
