"""Restriction of a function to some of its arguments, for Kedro nodes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import is_dataclass
from functools import wraps
from typing import Any, get_args, get_type_hints


def with_arguments(
    function: Callable[..., Any], names: Collection[str], **fixed: Any
) -> Callable[..., Any]:
    """Return a function with some arguments; the others keep their defaults.

    Kedro reads the type of a parameter from the argument at the same position, and counts a node's
    inputs to find that position. Therefore the signature must have exactly the node's inputs.

    Args:
        function: The function; its optional dataclasses are parameters, which are never None in a
            node.
        names: Names of the arguments that remain.
        fixed: Arguments with a fixed value, which are no inputs of the node.
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
    """Return the dataclass within an optional hint; return any other hint unchanged."""
    return next((kind for kind in get_args(hint) if is_dataclass(kind)), hint)
