"""The points of a sweep: all combinations of the values, and what each is called."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf

from mgd3_kedro.points import short_names

MAX_VALUE, MAX_NAME = 40, 100
"""Characters of one value, and of all together, in the name of a folder."""


@dataclass(frozen=True)
class Axis:
    """A parameter and the values it takes.

    Args:
        key: Its name, groups before it with full stops.
        values: All different.
    """

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Point:
    """One combination.

    Args:
        name: Unlike that of any other point; fit for a file.
        values: Key -> value.
    """

    name: str
    values: Mapping[str, Any]


def parse_axes(texts: Sequence[str], given: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Read axes as "key=value,value"; a value is written as for `kedro run --params`.

    Args:
        texts: One per axis.
        given: Parameters that are the same at all points, nested.

    Raises:
        ValueError: Naming the key without values, with a value twice, or that is there twice.

    Source: ours.
    """
    axes = [_parse_axis(text) for text in texts]
    seen = list(leaves(given))
    for axis in axes:
        for other in seen:
            groups = f"{axis.key}.", f"{other}."
            if groups[0].startswith(groups[1]) or groups[1].startswith(groups[0]):
                raise ValueError(f"{axis.key}: expected once in all of --over and --params")
        seen.append(axis.key)
    if not axes:
        raise ValueError("expected --over KEY=VALUE,VALUE, got none")
    return tuple(axes)


def make_points(axes: Sequence[Axis]) -> list[Point]:
    """Return all combinations, the last axis running fastest.

    Source: ours.
    """
    keys = [axis.key for axis in axes]
    combinations = itertools.product(*(axis.values for axis in axes))
    points = (dict(zip(keys, values, strict=True)) for values in combinations)
    return [Point(name_of(values, keys), values) for values in points]


def name_of(values: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Name a point after some of its values; points with other values get another name.

    Args:
        values: All values of the point.
        keys: Those to name.

    Source: ours.
    """
    short = short_names(tuple(values))
    text = "-".join(f"{short[key]}={_plain(values[key])}" for key in keys)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}-{short_digest(text)}"


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"a.b": 1} as {"a": {"b": 1}}.

    Source: ours.
    """
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *groups, last = key.split(".")
        group = tree
        for name in groups:
            group = group.setdefault(name, {})
        group[last] = value
    return tree


def merged(*parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested parameters with later ones over earlier ones.

    Source: ours.
    """
    result: dict[str, Any] = {}
    for one in parameters:
        for name, value in one.items():
            both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
            result[name] = merged(result[name], value) if both else value
    return result


def leaves(parameters: Mapping[str, Any], group: str = "") -> Iterator[str]:
    """Yield the names of nested parameters, groups before them with full stops.

    Source: ours.
    """
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{group}{name}.")
        else:
            yield f"{group}{name}"


def short_digest(text: str) -> str:
    """Return a few digits that differ between texts.

    Source: ours.
    """
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _parse_axis(text: str) -> Axis:
    key, sign, listed = text.partition("=")
    key = key.strip()
    if not sign or not re.fullmatch(r"\w+(\.\w+)*", key):
        raise ValueError(f"--over: expected KEY=VALUE,VALUE, got {text!r}")
    parts = [part.strip() for part in _split(listed)]
    if not all(parts):
        raise ValueError(f"{key}: expected values with commas between them, got {listed!r}")
    values = [_parse_value(key, part) for part in parts]
    for number, value in enumerate(values):
        # True equals 1, but is another setting.
        if any(
            value == earlier and isinstance(value, bool) == isinstance(earlier, bool)
            for earlier in values[:number]
        ):
            raise ValueError(f"{key}: expected every value once, got {value!r} twice")
    return Axis(key, tuple(values))


def _split(text: str) -> list[str]:
    """Split at commas that are in no brackets."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[{(") - (sign in ")}]")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _parse_value(key: str, text: str) -> Any:
    try:
        # As Kedro reads a parameter of the command line.
        tree = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{key}: expected a value, got {text!r}") from error
    value = tree["value"]  # type: ignore[call-overload,index]
    if isinstance(value, dict):
        raise ValueError(f"{key}: expected one value, got the settings {', '.join(value)}")
    return value


def _plain(value: Any) -> str:
    """Write a value in signs that are good in a file's name."""
    text = str(value)
    if re.fullmatch(r"[\w.+-]+", text) and len(text) <= MAX_VALUE:
        return text
    readable = re.sub(r"[^\w.+-]+", "_", text)[:MAX_VALUE]
    return f"{readable}-{short_digest(text)}"
