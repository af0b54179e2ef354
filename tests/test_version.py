import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mgd3_kedro

PACKAGE = Path(mgd3_kedro.__file__).parent
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b")


def version_in(root):
    """Return what the copy of the package in a folder calls its version."""
    command = [sys.executable, "-c", "from mgd3_kedro.version import code_version as v; print(v())"]
    variables = {**os.environ, "PYTHONPATH": str(root / "src")}
    found = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return found.stdout.strip()


@pytest.fixture
def copy(tmp_path):
    """Copy the two files that make a version."""
    package = tmp_path / "src/mgd3_kedro"
    package.mkdir(parents=True)
    for name in ("__init__.py", "version.py"):
        shutil.copy(PACKAGE / name, package)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/parameters.yml").write_text("ipc: 10\n")
    (tmp_path / "table.csv").write_text("1\n")
    return tmp_path


@pytest.fixture
def checkout(copy):
    for command in (("init", "-q"), ("add", "."), (*IDENTITY, "commit", "-qm", "first")):
        subprocess.run(["git", *command], cwd=copy, check=True)
    return copy


def test_without_a_checkout_the_version_is_that_of_the_package(copy):
    assert version_in(copy) == mgd3_kedro.__version__


def test_in_the_checkout_of_something_else_the_version_is_that_of_the_package(copy):
    (copy / ".gitignore").write_text("src/\n")
    for command in (("init", "-q"), ("add", "."), (*IDENTITY, "commit", "-qm", "first")):
        subprocess.run(["git", *command], cwd=copy, check=True)
    assert version_in(copy) == mgd3_kedro.__version__


def test_in_a_checkout_the_version_has_the_commit(checkout):
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True
    )
    assert version_in(checkout) == f"{mgd3_kedro.__version__}+{head.stdout[:12]}"


@pytest.mark.parametrize("file", ["src/mgd3_kedro/__init__.py", "conf/parameters.yml"])
def test_changed_code_or_configuration_is_another_version(checkout, file):
    before = version_in(checkout)
    with (checkout / file).open("a") as changed:
        changed.write("\n# changed\n")
    assert version_in(checkout) == f"{before}-dirty"


def test_a_table_that_a_run_wrote_is_no_other_version(checkout):
    before = version_in(checkout)
    (checkout / "table.csv").write_text("2\n")
    assert version_in(checkout) == before
