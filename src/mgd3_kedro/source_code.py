"""What a top-level definition of a module says, and what it uses, from its source alone."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mgd3_kedro.syntax import CodeReader, bindings_of, entries_of, is_docstring

PACKAGE = __name__.split(".", maxsplit=1)[0]
NEUTRAL = "CHANGES_NO_RESULT"
"""A module that defines this only keeps or shows what is computed: its code does not count."""
STRAY = "*"
"""Name of what a module does when it is imported, beside what it defines."""


class Symbol(NamedTuple):
    """A top-level name of a module.

    Args:
        module: Full name.
        name: Of a function, class or variable; empty for the module as a whole.
        entry: `repr` of a key, for one entry of a table; empty for all that the name stands for.
    """

    module: str
    name: str
    entry: str = ""


@dataclass(frozen=True)
class Definition:
    """What a symbol stands for.

    Args:
        digest: Of its code, without comments, docstrings and annotations, and of what its names
            mean.
        uses: What of packages that are followed it refers to.
        libraries: Names that other packages are imported by, without the standard library.
        asked: Tables, or what else it gives a text to, with the text: `TABLE["name"]`,
            `TABLE.get("name")` or `lookup(TABLE, "name")`; with `ALL` where it takes all members:
            `TABLE.items()` or `TABLE.values()`.
    """

    digest: str
    uses: frozenset[Symbol] = frozenset()
    libraries: frozenset[str] = frozenset()
    asked: frozenset[tuple[Symbol, str]] = frozenset()


class SourceModule:
    """The source of one module, taken apart.

    Names are followed into this package and into the package that the module itself is of.

    Args:
        name: Full name.
        source: Its text.
        is_package: Whether it is the `__init__` of one.
    """

    def __init__(self, name: str, source: bytes, is_package: bool = False) -> None:
        self.name = name
        self._parent = name if is_package else name.rpartition(".")[0]
        self._statements: dict[str, list[ast.stmt]] = {}
        self._imports: dict[str, tuple[str, str]] = {}
        self._stray: list[ast.stmt] = []
        self._known: dict[Symbol, Definition] = {}
        self._sort(ast.parse(source).body)
        self._tables = {
            name: table
            for name, statements in self._statements.items()
            if name.isupper() and len(statements) == 1 and (table := entries_of(statements[0]))
        }

    def defines(self, name: str) -> bool:
        """Tell whether a name is defined here, not imported."""
        return name in self._statements

    def keys_of(self, name: str) -> tuple[str | None, ...]:
        """Return the keys of a table, a dict that is written out; nothing for what is none."""
        return tuple(self._tables.get(name, ()))

    def find(self, name: str) -> Symbol | str | None:
        """Return what defines a name: a symbol, the full name of something elsewhere, or none."""
        if name in self._statements:
            return Symbol(self.name, name)
        target = self._imports.get(name)
        # A package may import its own submodules.
        if target and target != (self.name, name):
            return self._follow(*target)
        submodule = f"{self.name}.{name}"
        return Symbol(submodule, "") if source_of(submodule) else None

    def define(self, symbol: Symbol) -> Definition:
        """Return what a symbol of this module stands for; all of a neutral one alike."""
        if symbol not in self._known:
            self._known[symbol] = self._define(symbol)
        return self._known[symbol]

    def _define(self, symbol: Symbol) -> Definition:
        if self.defines(NEUTRAL):
            return Definition("")
        if not symbol.name:
            return Definition("", frozenset(Symbol(self.name, name) for name in self._names()))
        if symbol.entry:
            entries = self._tables[symbol.name].items()
            nodes: list[ast.AST] = [value for key, value in entries if repr(key) == symbol.entry]
        elif symbol.name == STRAY:
            nodes = [*self._stray]
        else:
            nodes = [*self._statements[symbol.name]]
        reader = CodeReader(self._parent)
        for node in nodes:
            reader.visit(node)
        meanings, libraries, uses = [], set(), set()
        for name in sorted({*reader.names, *reader.hints}):
            found = self._resolve(name, reader.imports)
            if isinstance(found, Symbol):
                uses.add(found)
            elif found and (top := found.partition(".")[0]) not in sys.stdlib_module_names:
                libraries.add(top)
            if found and name in reader.names:
                meanings.append(f"{'.'.join(name)}: {found}")
        asked = {(self._resolve(table, reader.imports), text) for table, text in reader.asked}
        if self._stray:
            uses.add(Symbol(self.name, STRAY))
        return Definition(
            digest_text("\n".join(["".join(reader.parts), *meanings])),
            frozenset(uses),
            frozenset(libraries),
            frozenset((table, text) for table, text in asked if isinstance(table, Symbol)),
        )

    def _names(self) -> list[str]:
        return [*self._statements, *([STRAY] if self._stray else [])]

    def _sort(self, body: Iterable[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._imports.update(bindings_of(node, self._parent))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._statements.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for one in (one for target in targets for one in ast.walk(target)):
                    if isinstance(one, ast.Name):
                        self._statements.setdefault(one.id, []).append(node)
            elif isinstance(node, ast.If | ast.Try):
                handled = [one.body for one in getattr(node, "handlers", [])]
                for part in (node.body, *handled, node.orelse, getattr(node, "finalbody", [])):
                    self._sort(part)
            elif not isinstance(node, ast.Pass) and not is_docstring(node):
                self._stray.append(node)

    def _resolve(
        self, name: tuple[str, ...], local: dict[str, tuple[str, str]]
    ) -> Symbol | str | None:
        """Return what "a.b.c" begins with."""
        first, *rest = name
        found = self._follow(*local[first]) if first in local else self.find(first)
        while rest and isinstance(found, Symbol) and not found.name:
            source = source_of(found.module)
            inner = source.find(rest.pop(0)) if source else None
            if inner is None:
                break
            found = inner
        return found

    def _follow(self, module: str, name: str) -> Symbol | str | None:
        if module.partition(".")[0] not in (PACKAGE, self.name.partition(".")[0]):
            return f"{module}.{name}" if name else module
        if not name:
            return Symbol(module, "")
        source = source_of(module)
        return (source.find(name) if source else None) or Symbol(module, name)


READ: dict[str, tuple[Any, SourceModule | None]] = {}
"""Module -> what it was imported by, and its source."""


def source_of(module: str) -> SourceModule | None:
    """Return a module of this package or of the user, none if it is a library's or has no file.

    Nothing is imported for it. It is read at the first look and when it was imported again, not
    whenever its file has changed: what runs is what was imported.
    """
    imported = getattr(sys.modules.get(module), "__spec__", None)
    if module not in READ or READ[module][0] is not imported:
        READ[module] = imported, _read(module)
    return READ[module][1]


def _read(module: str) -> SourceModule | None:
    path = _file_of(module)
    if path is None or is_library(module):
        return None
    return SourceModule(module, path.read_bytes(), path.name == "__init__.py")


@cache
def is_library(module: str) -> bool:
    """Tell whether a module comes with Python or is installed, and is not of this package."""
    top = module.partition(".")[0]
    if top == PACKAGE:
        return False
    path = _file_of(top)
    installed = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    return top in sys.stdlib_module_names or (
        path is not None and any(path.is_relative_to(folder) for folder in installed)
    )


def definition_of(symbol: Symbol) -> Definition:
    """Return what a symbol stands for, by its source or by what is in memory."""
    source = source_of(symbol.module)
    if source and (symbol.name in ("", STRAY) or source.defines(symbol.name)):
        return source.define(symbol)
    value = getattr(sys.modules.get(symbol.module), symbol.name, None)
    return Definition(digest_text(str(symbol))) if value is None else define_value(value)


def define_value(value: Any) -> Definition:
    """Return what a function or class is that no module of a file defines.

    Of one without source, and of a library's, the name alone counts.
    """
    module = getattr(value, "__module__", None) or ""
    name = getattr(value, "__qualname__", type(value).__qualname__)
    if is_library(module):
        top = module.partition(".")[0]
        libraries = {top} - sys.stdlib_module_names
        return Definition(digest_text(f"{module}.{name}"), libraries=frozenset(libraries))
    try:
        text = textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        return Definition(digest_text(f"{module}.{name}"))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        # A lambda's source is the lines it is on, which need not be a whole statement.
        return Definition(digest_text(text))
    reader = CodeReader(module)
    reader.visit(tree)
    return Definition(digest_text("".join(reader.parts)))


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _file_of(module: str) -> Path | None:
    if module in sys.modules:
        found = getattr(sys.modules[module], "__file__", None)
        return Path(found) if found and found.endswith(".py") else None
    parent, _, last = module.rpartition(".")
    if not parent:
        spec = importlib.util.find_spec(module) if module else None
        origin = spec.origin if spec else None
        return Path(origin) if origin and origin.endswith(".py") else None
    folder = _file_of(parent)
    if folder is None or folder.name != "__init__.py":
        return None
    candidates = (folder.parent / last / "__init__.py", folder.parent / f"{last}.py")
    return next((path for path in candidates if path.exists()), None)
