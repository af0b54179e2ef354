"""Digests and references of the top-level definitions of a module, read from its source."""

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
"""Name that a module defines if it only stores or shows results. Its code then does not count."""
MODULE_STATEMENTS = "*"
"""Name that stands for the statements of a module that define nothing, such as calls at import."""


class Symbol(NamedTuple):
    """A top-level name of a module.

    Args:
        module: Full name of the module.
        name: Name of a function, class or variable; empty for the whole module.
        entry: `repr` of a key, for one entry of a table; empty for the whole value.
    """

    module: str
    name: str
    entry: str = ""


@dataclass(frozen=True)
class Definition:
    """The digest of a symbol's code, and what the code refers to.

    Args:
        digest: SHA-256 of the code without comments, docstrings and annotations, and of the full
            names that its names stand for.
        uses: Symbols that it refers to, in packages whose source is followed.
        libraries: Top-level modules of other packages that it uses, without the standard library.
        asked: Pairs of a symbol, such as a table, and a text that it looks up there:
            `TABLE["name"]`, `TABLE.get("name")` or `lookup(TABLE, "name")`. The text is `ALL` if it
            reads all members: `TABLE.items()` or `TABLE.values()`.
    """

    digest: str
    uses: frozenset[Symbol] = frozenset()
    libraries: frozenset[str] = frozenset()
    asked: frozenset[tuple[Symbol, str]] = frozenset()


class SourceModule:
    """The parsed source of one module.

    References are followed into this package and into the package that contains the module.

    Args:
        name: Full name of the module.
        source: Text of the module.
        is_package: Whether it is the `__init__` of a package.
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
        """Return the keys of a table, which is a dict literal; empty if it is not a table."""
        return tuple(self._tables.get(name, ()))

    def find(self, name: str) -> Symbol | str | None:
        """Resolve a name: to a symbol, to a full name in another package, or to None."""
        if name in self._statements:
            return Symbol(self.name, name)
        target = self._imports.get(name)
        # A package may import its own submodules.
        if target and target != (self.name, name):
            return self._follow(*target)
        submodule = f"{self.name}.{name}"
        return Symbol(submodule, "") if source_of(submodule) else None

    def define(self, symbol: Symbol) -> Definition:
        """Return the definition of a symbol; in a neutral module, all definitions are equal."""
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
        elif symbol.name == MODULE_STATEMENTS:
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
            uses.add(Symbol(self.name, MODULE_STATEMENTS))
        return Definition(
            digest_text("\n".join(["".join(reader.parts), *meanings])),
            frozenset(uses),
            frozenset(libraries),
            frozenset((table, text) for table, text in asked if isinstance(table, Symbol)),
        )

    def _names(self) -> list[str]:
        return [*self._statements, *([MODULE_STATEMENTS] if self._stray else [])]

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
        """Resolve the first parts of a dotted name, through modules, to what they stand for."""
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
"""Module -> its import spec when it was read, and its source."""


def source_of(module: str) -> SourceModule | None:
    """Return the source of a module; None if it is a library's or has no file.

    The module is not imported. Its file is read at the first call, and again after the module was
    imported again. A change of the file alone does not count, because the imported code runs.
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
    """Tell whether a module is part of Python or installed, and not of this package."""
    top = module.partition(".")[0]
    if top == PACKAGE:
        return False
    path = _file_of(top)
    installed = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    return top in sys.stdlib_module_names or (
        path is not None and any(path.is_relative_to(folder) for folder in installed)
    )


def definition_of(symbol: Symbol) -> Definition:
    """Return the definition of a symbol, from its source or else from the object in memory."""
    source = source_of(symbol.module)
    if source and (symbol.name in ("", MODULE_STATEMENTS) or source.defines(symbol.name)):
        return source.define(symbol)
    value = getattr(sys.modules.get(symbol.module), symbol.name, None)
    return Definition(digest_text(str(symbol))) if value is None else define_value(value)


def define_value(value: Any) -> Definition:
    """Return the definition of a function or class that no source module defines.

    If it has no source, or belongs to a library, only its name counts.
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
        # The source of a lambda is the lines it is on, which may not be a whole statement.
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
