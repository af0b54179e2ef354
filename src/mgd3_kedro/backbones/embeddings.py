"""Change of condition embeddings inside a network, by hooks on its embedding tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from mgd3_kedro.backbones.base import ConditionChange


def as_they_are(conditions: torch.Tensor) -> torch.Tensor:
    """Return conditions unchanged, for embedding tables that take them as they are."""
    return conditions


@contextmanager
def changed_embeddings(
    tables: Iterable[nn.Module],
    change: ConditionChange | None,
    given: Callable[[torch.Tensor], torch.Tensor] = as_they_are,
) -> Iterator[None]:
    """Replace the embeddings that the tables of a network return, within the context.

    Args:
        tables: Modules of the network that return the embeddings of all rows, (R, ..., D).
        change: The change to apply to every table; None for no change.
        given: Converts conditions (R, ...) to the input of a table.
    """
    if change is None:
        yield
        return
    others = given(change.others)

    def put(table: Any, asked: tuple[Any, ...], embedding: torch.Tensor) -> torch.Tensor:
        # `forward`, not a call: a call would run this hook again.
        return change.apply(embedding, table.forward(others))

    hooks = [table.register_forward_hook(put) for table in tables]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
