"""One copy of the project, and the tests that run in it."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .choice import Choice
from .running import run_tests
from .table import PACKAGE, Fault
from .usual import Usual

ROOT = Path(__file__).resolve().parents[2]
FIRST, ALL = 20.0, 240.0
"""Seconds that the nearest tests may take, and all that are tried, without a fault."""
PATIENCE, SLOWER = 120, 6
"""A fault that loops for ever is found when tests take so many seconds, and so many times as long
as they should, as other processes may be at work."""
OUTCOME = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)


def copy_project(folder: Path) -> Path:
    """Copy what git knows, or would, to a folder of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    shutil.rmtree(folder, ignore_errors=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


class Trial:
    """A copy of the project.

    Args:
        root: Of the copy.
        usual: How the test files do without a fault.
    """

    def __init__(self, root: Path, usual: Mapping[str, Usual]) -> None:
        self._root = root
        self._seconds = {name: of.seconds for name, of in usual.items()}
        self._left_out = [f"--deselect={name}" for of in usual.values() for name in of.failing]
        self._choice = Choice(root)

    def find(self, fault: Fault) -> str:
        """Put a fault in, run the tests, take it out; return the test that found it, or nothing."""
        path = self._root / PACKAGE / fault.file
        source = path.read_text()
        path.write_text(fault.put_into(source))
        try:
            return next(filter(None, map(self._fails, self._groups(fault))), "")
        finally:
            path.write_text(source)

    def _groups(self, fault: Fault) -> list[list[str]]:
        """Return the test files in two groups: a few fast ones, and others up to a limit."""
        first, others, total = [], [], 0.0
        for name in self._choice.tests_of(fault.file, self._seconds):
            longer = total + self._seconds[name]
            if first and longer > ALL:
                continue
            (others if others or (first and longer > FIRST) else first).append(name)
            total = longer
        return [group for group in (first, others) if group]

    def _fails(self, files: Sequence[str]) -> str:
        usual = sum(self._seconds[name] for name in files)
        code, said = run_tests(
            self._root, [*files, "-x", *self._left_out], timeout=PATIENCE + SLOWER * usual
        )
        if code in (0, 5):
            return ""
        found = OUTCOME.search(said)
        if found:
            return found[1]
        return f"{'no end' if code is None else f'exit status {code}'} of {files[0]} or after"
