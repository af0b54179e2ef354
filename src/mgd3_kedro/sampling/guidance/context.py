"""What guidance knows of the samples of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.sampling.guidance.needs import Facts
from mgd3_kedro.sampling.guidance.sight import Sight


@dataclass(frozen=True)
class GuidanceContext:
    """What guidance knows of the samples of a batch, on the device where steps are computed.

    Args:
        modes: The mode of each sample, (B, C, H, W).
        class_rows: For each class of the batch the rows of its samples, (n,), int64.
        traits: Name of `TRAITS` -> what was measured for the mode of each sample, (B, ...).
        options: Name -> value of every option of `DRIFTS`.
        facts: For each of `class_rows` what its drifts need of the class; empty where none needs
            any.
        sight: What the network sees of the samples, None where no drift needs it.
        generators: Of each sample, to fork others from: what is drawn from these is its noise.
    """

    modes: torch.Tensor
    class_rows: tuple[torch.Tensor, ...]
    traits: Mapping[str, torch.Tensor]
    options: Mapping[str, Any]
    facts: tuple[Facts, ...] = ()
    sight: Sight | None = None
    generators: Sequence[torch.Generator] = ()

    @property
    def of_classes(self) -> Iterator[tuple[torch.Tensor, Facts]]:
        """The rows of each class of the batch, (n,), and what its drifts need of it."""
        return zip(self.class_rows, self.facts, strict=True)


def group_by_class(classes: Sequence[ClassSpec], device: torch.device) -> tuple[torch.Tensor, ...]:
    """Return the rows of each class, in the order of their first samples.

    Args:
        classes: The class of each sample.
        device: Where rows are picked.
    """
    rows: dict[ClassSpec, list[int]] = {}
    for row, spec in enumerate(classes):
        rows.setdefault(spec, []).append(row)
    return tuple(torch.tensor(of_class, device=device) for of_class in rows.values())
