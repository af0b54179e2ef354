"""Which tests see a module: those nearest to it, and the fastest of these first."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

NAME = "mgd3_kedro"
SESSIONS = ("tiny_project", "finished", "copied", "project")
"""Words of test files that run pipelines, and so reach every module, whatever they import."""
COMMON = ("__init__", "nodes", "settings")
ABOUT_FAULTS = "test_mutants.py"
"""Fails with any fault, as it compares the list of faults with the source."""
FAR = 9
"""How far such a file is from what it does not import."""


class Choice:
    """The import graph of a copy of the project.

    Args:
        root: Of the copy.
    """

    def __init__(self, root: Path) -> None:
        self._source = root / "src"
        self._root = root

    def tests_of(self, file: str, seconds: Mapping[str, float]) -> list[str]:
        """Return the test files that reach a file of the package, the likeliest first.

        Args:
            file: Of the package.
            seconds: Test files, and what each takes.
        """
        path = self._source / NAME / file
        found = []
        for name in seconds:
            test = self._root / name
            if test.name == ABOUT_FAULTS:
                continue
            steps = self._steps(test).get(path)
            if steps is None and any(word in test.read_text() for word in SESSIONS):
                steps = FAR
            if steps is not None:
                # Named after the module, it is about it; beside those that are, it is near.
                beside = test.relative_to(self._root).parts[1:-1] == Path(file).parts[:-1][:1]
                nearness = steps if beside or steps == 1 else steps + 3
                if test.stem.removesuffix("_nodes").endswith(f"_{_subject(path)}"):
                    nearness = 0
                found.append((nearness, seconds[name], name))
        return [name for *_, name in sorted(found)]

    @cache  # noqa: B019
    def _steps(self, test: Path) -> dict[Path, int]:
        """Return how many imports away every file of the package is."""
        conftest = test.with_name("conftest.py")
        steps, edge, done = {}, {test, *([conftest] if conftest.is_file() else [])}, 0
        while edge:
            done += 1
            near = set().union(*(self._imports(path) for path in edge))
            edge = near - steps.keys()
            steps |= dict.fromkeys(edge, done)
        return steps

    @cache  # noqa: B019
    def _imports(self, path: Path) -> frozenset[Path]:
        """Return the files that a file imports from."""
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {self._file(alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(NAME):
                found |= {self._origin(str(node.module), alias.name) for alias in node.names}
        return frozenset(found - {None})

    def _origin(self, module: str, name: str) -> Path | None:
        """Return the file that defines what is imported from a module, or from a package."""
        if inner := self._file(f"{module}.{name}"):
            return inner
        path = self._file(module)
        if path and path.name == "__init__.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.ImportFrom)
                    and node.module not in (None, module)
                    and name in [alias.asname or alias.name for alias in node.names]
                ):
                    return self._origin(str(node.module), name)
        return path

    def _file(self, module: str) -> Path | None:
        path = self._source.joinpath(*module.split("."))
        found = (path.with_suffix(".py"), path / "__init__.py")
        return next((one for one in found if one.is_file()), None)


def _subject(path: Path) -> str:
    """Return what a module is about, which its package may say."""
    return path.parent.name if path.stem in COMMON else path.stem
