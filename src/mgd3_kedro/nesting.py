"""Conversion between nested parameters and full names such as `a.b`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def over(parameters: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested parameters; values of `others` take precedence."""
    result = dict(parameters)
    for name, value in others.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = over(result[name], value) if both else value
    return result


def flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"a": {"b": 1}} as {"a.b": 1}; an empty group is a value."""
    return dict(_leaves(parameters))


def nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"a.b": 1} as {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for name, value in parameters.items():
        *groups, last = name.split(".")
        group = tree
        for one in groups:
            group = group.setdefault(one, {})
        group[last] = value
    return tree


def select(parameters: Mapping[str, Any], name: str) -> Any:
    """Return the value, or the group, with a full name such as "a.b"."""
    value: Any = parameters
    for part in name.split("."):
        value = value[part]
    return value


def configured_as(value: Any) -> str:
    """Return a value as configuration files write it."""
    return "null" if value is None else str(value)


def _leaves(parameters: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{group}{name}.")
        else:
            yield f"{group}{name}", value
