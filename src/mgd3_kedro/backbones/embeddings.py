"""Embeddings of conditions, changed where a network makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from mgd3_kedro.backbones.base import ConditionChange


def as_they_are(conditions: torch.Tensor) -> torch.Tensor:
    """Return conditions, where a table is asked by them."""
    return conditions


@contextmanager
def changed_embeddings(
    tables: Iterable[nn.Module],
    change: ConditionChange | None,
    given: Callable[[torch.Tensor], torch.Tensor] = as_they_are,
) -> Iterator[None]:
    """Have a network take changed embeddings in the place of those that its tables give.

    Args:
        tables: Modules of the network, each of which gives the embeddings of all rows, (R, ..., D).
        change: Of all of them alike; None leaves the network as it is.
        given: What a table is asked by in the place of conditions (R, ...).
    """
    if change is None:
        yield
        return
    others = given(change.others)

    def put(table: Any, asked: tuple[Any, ...], embedding: torch.Tensor) -> torch.Tensor:
        # Not by a call, after which this hook would run again.
        return change.apply(embedding, table.forward(others))

    hooks = [table.register_forward_hook(put) for table in tables]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
