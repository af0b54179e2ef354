"""A function with some of its arguments, for a node that is not given all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import is_dataclass
from functools import wraps
from typing import Any, get_args, get_type_hints


def with_arguments(
    function: Callable[..., Any], names: Collection[str], **fixed: Any
) -> Callable[..., Any]:
    """Return a function that takes some arguments by name, and leaves the others at their defaults.

    Kedro reads what a parameter is built as off the argument in its place, and finds the place by
    counting what a node is given: no argument in between may be missing.

    Args:
        function: Its optional dataclasses are those of parameters, never None once they are given.
        names: Of its arguments.
        fixed: Arguments that a node is not given, by name.
    """
    known, hints = inspect.signature(function).parameters, get_type_hints(function)
    kinds = {name: _without_none(hints[name]) for name in known if name in names}

    @wraps(function)
    def with_some(**given: Any) -> Any:
        return function(**given, **fixed)

    parameters = [
        known[name].replace(annotation=kind, default=inspect.Parameter.empty)
        for name, kind in kinds.items()
    ]
    with_some.__annotations__ = {**kinds, "return": hints["return"]}
    with_some.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return with_some


def _without_none(hint: Any) -> Any:
    """Return the dataclass of an optional one, and what is none as it is."""
    return next((kind for kind in get_args(hint) if is_dataclass(kind)), hint)
