"""How the tests do without a fault."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from .running import run_tests


class Usual(NamedTuple):
    """How a test file does.

    Args:
        text: Digest of the file, measured anew when it changes.
        seconds: What it takes.
        failing: Tests that fail, which are left out.
    """

    text: str
    seconds: float
    failing: list[str]


def measure_tests(root: Path, kept: Path) -> dict[str, Usual]:
    """Return how every test file of a copy without a fault does; what is known is not run again.

    Args:
        root: Of the copy.
        kept: File that remembers.
    """
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    digests = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / "tests").rglob("test_*.py"))
    }
    usual = {
        name: Usual(*known[name])
        for name, digest in digests.items()
        if name in known and known[name][0] == digest
    }
    if wanted := [name for name in digests if name not in usual]:
        print(f"{len(wanted)} test files without a fault, to know how long they take")
        seconds, failing = _run(root, wanted)
        for name in wanted:
            lost = [test for test in failing if test.startswith(f"{name}::")]
            usual[name] = Usual(digests[name], seconds.get(name, 0.0), lost)
        kept.write_text(json.dumps(usual, indent=1), encoding="utf-8")
    for of in usual.values():
        for name in of.failing:
            print(f"fails without a fault, left out: {name}")
    return usual


def failing_tests(root: Path, tests: Collection[str]) -> set[str]:
    """Return which tests, as "file::name", fail in a copy without a fault."""
    return set(_run(root, sorted(tests))[1]) if tests else set()


def _run(root: Path, tests: Collection[str]) -> tuple[dict[str, float], list[str]]:
    """Return the seconds of every file, and the tests that fail."""
    report = root / "report.xml"
    run_tests(root, [*tests, f"--junit-xml={report}", "-o", "junit_family=xunit1"])
    seconds: dict[str, float] = {}
    failing = set()
    for case in ElementTree.parse(report).iter("testcase"):
        file = case.get("file", "")
        seconds[file] = seconds.get(file, 0.0) + float(case.get("time", 0))
        if case.find("failure") is not None or case.find("error") is not None:
            failing.add(f"{file}::{case.get('name', '').partition('[')[0]}")
    return seconds, sorted(failing)
