"""What guidance knows about the samples of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.sampling.guidance.needs import Facts
from mgd3_kedro.sampling.guidance.network import NetworkAccess


@dataclass(frozen=True)
class GuidanceContext:
    """What guidance knows about the samples of a batch, on the device where steps are computed.

    Args:
        modes: The mode of each sample, (B, C, H, W).
        class_rows: For each class of the batch, the rows of its samples, (n,), int64.
        traits: Name of a trait -> measurement for the mode of each sample, (B, ...).
        options: Name -> value of every option of `DRIFTS`.
        facts: Facts about each class, in the order of `class_rows`; empty if no drift needs any.
        network: Access to features of the network; None if no drift needs them.
        generators: Generator of each sample. Drifts must fork it (`fork_generator`): drawing from
            it would change the noise of the sample.
    """

    modes: torch.Tensor
    class_rows: tuple[torch.Tensor, ...]
    traits: Mapping[str, torch.Tensor]
    options: Mapping[str, Any]
    facts: tuple[Facts, ...] = ()
    network: NetworkAccess | None = None
    generators: Sequence[torch.Generator] = ()

    @property
    def of_classes(self) -> Iterator[tuple[torch.Tensor, Facts]]:
        """The rows (n,) and the facts of each class of the batch."""
        return zip(self.class_rows, self.facts, strict=True)


def group_by_class(classes: Sequence[ClassSpec], device: torch.device) -> tuple[torch.Tensor, ...]:
    """Return the rows of each class, in the order of their first samples.

    Args:
        classes: The class of each sample.
        device: Device of the returned indices.

    Returns:
        For each class, the rows of its samples, (n,), int64.
    """
    rows: dict[ClassSpec, list[int]] = {}
    for row, spec in enumerate(classes):
        rows.setdefault(spec, []).append(row)
    return tuple(torch.tensor(of_class, device=device) for of_class in rows.values())
