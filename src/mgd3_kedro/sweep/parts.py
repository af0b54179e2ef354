"""Parts of a sweep, read from files or from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mgd3_kedro.checks import lookup, unknown_name
from mgd3_kedro.given import FLAGS
from mgd3_kedro.nesting import flat
from mgd3_kedro.splitting import NAME, Text, split_apart

OPTIONS = ("pipelines", "to_nodes", "from_nodes", "node_names", "tags")
"""Options of `kedro run` that select what is run."""
FIELDS = (*OPTIONS, "params", "over", "keep", "rows", "sweep")
PLAIN = re.compile(r"[A-Za-z_/~][\w./~+-]*")
"""Text that needs no quotes, unless it is one of `READ_OTHERWISE`."""
READ_OTHERWISE = ("null", *FLAGS)


@dataclass(frozen=True)
class SweepPart:
    """Runs that differ only in the axes.

    Args:
        sweep: Name of the sweep, which is also the folder of its logs and states.
        options: Option of `kedro run` -> names, separated by commas.
        params: Full parameter name -> value, the same for all runs.
        over: Axis -> its values; without axes, the part is a single run.
        keep: Catalog entry -> file to which it is copied after the run.
        follows: Number of earlier parts in the same list; a single run is made again after any of
            their runs.
        rows: Folder of a table of result rows; runs whose rows are in it are not made again.

    Raises:
        ValueError: If a parameter is set twice, or a part with axes has `keep`: its runs would all
            be copied to one file.
    """

    sweep: str
    options: Mapping[str, str]
    params: Mapping[str, Text]
    over: Mapping[str, tuple[Text, ...]]
    keep: Mapping[str, str] = field(default_factory=dict)
    follows: int = 0
    rows: str | None = None

    def __post_init__(self) -> None:
        for axis in self.over:
            for other in (*self.params, *(key for key in self.over if key is not axis)):
                if f"{axis}.".startswith(f"{other}.") or f"{other}.".startswith(f"{axis}."):
                    raise ValueError(
                        f"{axis}: expected one setting of it in {self.sweep}, got an axis and "
                        f"also {other}; leave out {other}"
                    )
        if self.over and self.keep:
            raise ValueError(
                f"{self.sweep}: expected `keep` only in a part without `over`, got both"
            )


def read_parts(
    sweeps: Mapping[str, Any], name: str, given: Mapping[str, Text], within: Sequence[str] = ()
) -> list[SweepPart]:
    """Read the parts of a sweep, including those of other sweeps in it.

    Args:
        sweeps: Name -> configuration of the sweep.
        name: Name of the sweep.
        given: Full name -> value, which overrides the parameters of every part.
        within: Sweeps that contain this one.

    Raises:
        ValueError: If a name is unknown, or the sweep contains itself; the message names it.
    """
    if name in within:
        raise ValueError(
            f"{name}: expected a sweep that does not contain itself, got one that does"
        )
    sweep = lookup(sweeps, name, "sweep")
    parts: list[SweepPart] = []
    for part in sweep["parts"]:
        for key in part:
            if key not in FIELDS:
                raise ValueError(f"{name}: {unknown_name(key, FIELDS, 'setting of a part')}")
        if "sweep" in part:
            parts += read_parts(sweeps, part["sweep"], given, (*within, name))
            continue
        if not isinstance(rows := part.get("rows"), str | None):
            raise ValueError(f"{name}: expected rows to be a folder, got {rows!r}")
        fixed = {key: as_text(value) for key, value in flat(part.get("params", {})).items()}
        over = part.get("over", {})
        parts.append(
            SweepPart(
                sweep.get("name", name),
                {"pipelines": "distill", **{key: part[key] for key in OPTIONS if key in part}},
                {**fixed, **given},
                {axis: tuple(map(as_text, values)) for axis, values in flat(over).items()},
                part.get("keep", {}),
                len(parts),
                rows,
            )
        )
    return parts


def read_axes(texts: Iterable[str]) -> dict[str, tuple[Text, ...]]:
    """Read axes from the command line, "key=value,value"; values have the syntax of `--params`.

    Raises:
        ValueError: If a text is not an axis, or an axis is given twice; the message names it.
    """
    axes: dict[str, tuple[Text, ...]] = {}
    for text in texts:
        key, sign, values = (part.strip() for part in text.partition("="))
        if not sign or not NAME.fullmatch(key):
            raise ValueError(f"--over: expected KEY=VALUE,VALUE, got {text!r}")
        if key in axes:
            raise ValueError(f"{key}: expected one --over, got two")
        axes[key] = tuple(map(Text, split_apart(values, ",", key)))
    return axes


def as_text(value: Any) -> Text:
    """Write a value in the syntax of `--params`, so that reading it returns the same value.

    Raises:
        ValueError: If the value cannot be written.
    """
    if isinstance(value, Text):
        return value
    if isinstance(value, list | tuple):
        return Text(f"[{'; '.join(map(as_text, value))}]")
    if isinstance(value, str):
        if PLAIN.fullmatch(value) and value not in READ_OTHERWISE:
            return Text(value)
        quote = next((sign for sign in "'\"" if sign not in value), None)
        if quote:
            return Text(f"{quote}{value}{quote}")
    elif value is None or isinstance(value, bool | int | float):
        return Text(json.dumps(value))
    raise ValueError(f"expected a value that can be written in --params, got {value!r}")
