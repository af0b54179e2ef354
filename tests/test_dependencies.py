"""Every package that is imported is declared, whether or not another one happens to bring it."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
OWN = {"mgd3_kedro", "benchmarks", *sys.stdlib_module_names}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements):
    return {normal(re.match(r"[\w.-]+", text)[0]) for text in requirements}


def code_of(file):
    """Return the code of a module or notebook."""
    text = file.read_text()
    if file.suffix == ".py":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def imported(folder):
    """Return the packages that files below a folder import, but for modules beside them."""
    files = [file for kind in ("*.py", "*.ipynb") for file in (REPOSITORY / folder).rglob(kind)]
    found = set()
    for node in (node for file in files for node in ast.walk(ast.parse(code_of(file)))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found - OWN - {file.stem for file in files} - {file.parent.name for file in files}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("src", ["dask", "ray", "text"]),
        ("benchmarks", ["text", "dev"]),
        ("notebooks", ["notebooks"]),
        ("tests", ["dask", "ray", "s3", "text", "dev"]),
    ],
)
def test_every_import_is_a_declared_dependency(folder, extras):
    optional = PROJECT["optional-dependencies"]
    declared = named(
        [*PROJECT["dependencies"], *(one for name in extras for one in optional[name])]
    )
    distributions = packages_distributions()
    for package in sorted(imported(folder)):
        given_by = {normal(name) for name in distributions[package]}
        assert given_by & declared, f"{package}: {given_by} is not in pyproject.toml"
