"""Digest of the code that a function runs with given settings, and the libraries it imports."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from mgd3_kedro.source_code import (
    Definition,
    Symbol,
    define_value,
    definition_of,
    digest_text,
    source_of,
)
from mgd3_kedro.stages import is_neutral
from mgd3_kedro.syntax import ALL


class Code(NamedTuple):
    """Code that a function runs.

    Args:
        digest: SHA-256 that identifies the code.
        libraries: Top-level modules of other packages that it imports.
    """

    digest: str
    libraries: frozenset[str]


def find_code(function: Callable[..., Any], settings: Any) -> Code:
    """Return the code that a function runs with these settings.

    The code includes everything that the function refers to, directly or indirectly: functions,
    classes and variables of this package, and the classes of the settings. Comments, docstrings
    and annotations do not count. Classes in the annotations of a function's arguments do count,
    because their methods may be called.

    A table is an UPPER_CASE dict whose keys are names. Of a table, only these entries count: those
    whose key is the text of a setting, those whose key is the name of a setting that is on (not
    false, 0, None, empty or its default), and those that the code itself reads by name. All
    entries count if no key is the text or the name of a setting, or if the code reads all members
    with `items()` or `values()`.

    Args:
        function: The function; may be a `functools.partial`.
        settings: Plain values or dataclasses, nested; fields marked `neutral` do not count.
    """
    choice = TableChoice()
    choice.read(function)
    choice.read(settings)
    starts = [_locate(value) for value in choice.objects]
    waiting = [*starts]
    found: dict[Symbol, Definition] = {}
    members: dict[Symbol, set[str | None]] = {}
    while waiting:
        symbol, definition = waiting.pop()
        if symbol in found:
            continue
        found[symbol] = definition
        for used in definition.uses:
            keys = _keys_of(used)
            if not keys:
                waiting.append((used, definition_of(used)))
                continue
            chosen = choice.of(keys, {text for table, text in definition.asked if table == used})
            waiting += _entries(used, chosen)
            members.setdefault(used, set()).update(chosen)
    # Keep the order of the table: code may sum over its entries in this order.
    kept = {table: [key for key in _keys_of(table) if key in of] for table, of in members.items()}
    lines = [
        *(f"start {symbol}" for symbol, _ in starts[:1]),
        *sorted(f"{symbol} {definition.digest}" for symbol, definition in found.items()),
        *sorted(f"{table} {keys}" for table, keys in kept.items()),
    ]
    libraries = (definition.libraries for definition in found.values())
    return Code(digest_text("\n".join(lines)), frozenset().union(*libraries))


class TableChoice:
    """The table entries that settings choose.

    Attributes:
        objects: Functions and classes among the settings, and the classes of their instances.
    """

    def __init__(self) -> None:
        self.objects: list[Any] = []
        self._texts: set[str] = set()
        self._fields: set[str] = set()
        self._on: set[str] = set()

    def read(self, value: Any) -> None:
        """Add settings, or one value of them."""
        if isinstance(value, str):
            self._texts |= {value, *(part.strip() for part in value.split(";"))} - {""}
        elif isinstance(value, partial):
            self.read((value.func, value.args, value.keywords))
        elif inspect.ismethod(value):
            self.read((value.__func__, value.__self__))
        elif callable(value) and hasattr(value, "__qualname__"):
            self._start_from(value)
        elif dataclasses.is_dataclass(value):
            self._start_from(type(value))
            for field in dataclasses.fields(value):
                if not is_neutral(field):
                    self._read_field(field.name, getattr(value, field.name), _default_of(field))
        elif isinstance(value, tuple) and hasattr(value, "_fields"):
            self._start_from(type(value))
            defaults = getattr(value, "_field_defaults", {})
            for name, one in zip(value._fields, value, strict=True):
                self._read_field(name, one, defaults.get(name, dataclasses.MISSING))
        elif isinstance(value, Mapping):
            for name, one in value.items():
                self._read_field(str(name), one)
        elif isinstance(value, list | tuple | set | frozenset):
            for one in value:
                self.read(one)

    def of(self, keys: Iterable[str | None], asked: Collection[str]) -> list[str | None]:
        """Return the keys of a table whose entries count.

        Args:
            keys: All keys of the table.
            asked: Keys that the code itself reads, whatever the settings; may contain `ALL`.
        """
        known = [key for key in keys if key in self._texts or key in self._fields]
        named = self._texts | self._on | {*asked}
        if not known or ALL in asked:
            return [*keys]
        # The entry of None applies when nothing is chosen.
        return [key for key in keys if key is None or key in named]

    def _start_from(self, value: Any) -> None:
        if value not in self.objects:
            self.objects.append(value)

    def _read_field(self, name: str, value: Any, default: Any = dataclasses.MISSING) -> None:
        self._fields.add(name)
        if value and value != default:
            self._on.add(name)
        self.read(value)


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _locate(value: Any) -> tuple[Symbol, Definition]:
    """Return the symbol and definition of a function or class, from its module if possible."""
    module, name = value.__module__ or "", value.__qualname__
    source = source_of(module) if module else None
    top = name.partition(".")[0]
    if source and source.defines(top):
        symbol = Symbol(module, top)
        return symbol, source.define(symbol)
    definition = define_value(value)
    return Symbol(module, name, definition.digest), definition


def _keys_of(symbol: Symbol) -> tuple[str | None, ...]:
    """Return the keys of a table, with keys added at run time; empty if it is not a table."""
    source = source_of(symbol.module)
    keys = source.keys_of(symbol.name) if source else ()
    if not keys:
        return ()
    return (*keys, *(key for key in _in_memory(symbol) if key not in keys))


def _in_memory(symbol: Symbol) -> Mapping[str | None, Any]:
    value = getattr(sys.modules.get(symbol.module), symbol.name, None)
    return value if isinstance(value, Mapping) else {}


def _entries(table: Symbol, keys: Iterable[str | None]) -> Iterator[tuple[Symbol, Definition]]:
    """Yield the definitions of some entries of a table, from its source or from memory."""
    source = source_of(table.module)
    written = source.keys_of(table.name) if source else ()
    for key in keys:
        symbol = table._replace(entry=repr(key))
        if key in written:
            yield symbol, definition_of(symbol)
            continue
        value = _in_memory(table)[key]
        read = TableChoice()
        read.read(value)
        yield from map(_locate, read.objects)
        plain = json.dumps(value, default=lambda one: getattr(one, "__qualname__", ""))
        yield symbol, Definition(digest_text(plain))
