"""Canonical text of code, from its syntax tree, and the names that the code uses."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from typing import Any

SKIPPED = ("annotation", "ctx", "kind", "returns", "type_comment", "type_params")
"""Fields of syntax nodes that do not change what the code does."""
ALL = "*"
"""Stands for every member of a table."""


class CodeReader(ast.NodeVisitor):
    """Writes code as text without docstrings and annotations, and collects the names in it.

    `ast.dump` is not used, because its text differs between versions of Python.

    Attributes:
        parts: Parts of the text.
        names: Dotted names that the code uses, each in parts.
        hints: Dotted names in the annotations of arguments.
        imports: Name bound by an import within the code -> (module, name in it).
        asked: Dotted names, each with a text that the code looks up there, or `ALL`.
    """

    def __init__(self, package: str) -> None:
        self.parts: list[str] = []
        self.names: set[tuple[str, ...]] = set()
        self.hints: set[tuple[str, ...]] = set()
        self.imports: dict[str, tuple[str, str]] = {}
        self.asked: set[tuple[tuple[str, ...], str]] = set()
        self._package = package
        self._around: list[ast.AST] = []

    def generic_visit(self, node: ast.AST) -> None:
        self.parts.append(f"{type(node).__name__}(")
        for field, value in ast.iter_fields(node):
            if isinstance(node, ast.Call) and field == "keywords":
                value = [one for one in value if not _is_encoding(one)]
            if field not in SKIPPED and value is not None and value != []:
                self.parts.append(f"{field}=")
                self._write(value)
        self.parts.append(")")

    def _write(self, value: Any) -> None:
        if isinstance(value, ast.AST):
            self.visit(value)
        elif isinstance(value, list):
            self.parts.append("[")
            for one in value:
                self._write(one)
                self.parts.append(",")
            self.parts.append("]")
        else:
            self.parts.append(repr(value))

    def visit_Name(self, node: ast.Name) -> None:
        self.parts.append(f"<{node.id}>")
        if isinstance(node.ctx, ast.Load):
            self.names.add((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = dotted(node)
        if not name:
            self.generic_visit(node)
            return
        self.names.add(name)
        self.parts.append(f"<{'.'.join(name)}>")

    def visit_Constant(self, node: ast.Constant) -> None:
        self.parts.append(f"<{node.value!r}>")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._ask(node.value, node.slice)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        tables = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        for table in (*tables, *node.args):
            for key in node.args:
                self._ask(table, key)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "values"):
            self.asked |= {(of, ALL) for table in tables if (of := dotted(table))}
        self.generic_visit(node)

    def _ask(self, table: ast.expr, key: ast.expr) -> None:
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and (of := dotted(table)):
            self.asked.add((of, key.value))

    def visit_Global(self, node: ast.Global) -> None:
        self.names |= {(name,) for name in node.names}

    def visit_Expr(self, node: ast.Expr) -> None:
        if not is_docstring(node):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self._around and isinstance(self._around[-1], ast.ClassDef):
            self.generic_visit(node)  # it may be a dataclass field; a plain assignment is none
        elif node.value is not None:
            self.visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_Import(self, node: ast.Import) -> None:
        self.imports.update(bindings_of(node, self._package))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.imports.update(bindings_of(node, self._package))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._enter_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._enter_function(node)

    def _enter_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if not self._around:
            # The code may call methods of the classes that arguments are annotated with.
            arguments = (one for one in ast.walk(node.args) if isinstance(one, ast.arg))
            hints = [one.annotation for one in arguments if one.annotation]
            self.hints |= {name for hint in hints for name in names_in(hint)}
        self._enter(node)

    def _enter(self, node: ast.AST) -> None:
        self._around.append(node)
        self.generic_visit(node)
        self._around.pop()


def entries_of(node: ast.stmt) -> dict[str | None, ast.expr]:
    """Return key -> value of a table: a dict literal of two or more, with texts or None as keys."""
    value = getattr(node, "value", None)
    if not isinstance(value, ast.Dict):
        return {}
    entries: dict[str | None, ast.expr] = {}
    for key, entry in zip(value.keys, value.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str | None):
            return {}
        entries[key.value] = entry
    return entries if len(entries) > 1 else {}


def bindings_of(
    node: ast.Import | ast.ImportFrom, package: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield (name, (module, imported name)) for the names that an import binds."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(relative, package) if node.level else relative
            yield alias.asname or alias.name, (module, alias.name)
        elif alias.asname:
            yield alias.asname, (alias.name, "")
        else:
            top = alias.name.partition(".")[0]
            yield top, (top, "")


def dotted(node: ast.AST) -> tuple[str, ...]:
    """Return the parts of a name such as "a.b.c"; empty for other expressions."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return (*before, node.attr) if before else ()
    return (node.id,) if isinstance(node, ast.Name) else ()


def names_in(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield all dotted names in an expression, each in parts."""
    if name := dotted(node):
        yield name
        return
    for child in ast.iter_child_nodes(node):
        yield from names_in(child)


def _is_encoding(node: ast.keyword) -> bool:
    """Tell whether an argument is encoding="utf-8", which changes no result."""
    value = node.value
    return node.arg == "encoding" and isinstance(value, ast.Constant) and value.value == "utf-8"


def is_docstring(node: ast.AST) -> bool:
    """Tell whether a statement is only a text, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
