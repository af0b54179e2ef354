"""The tests of a card, on a real card."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu.schedule import Found, GpuBench

PATTERN = "tests/*/test_*_on_a_card.py"
FEW = "tests/sampling/test_*_on_a_card.py"


def run_tests(bench: GpuBench) -> Iterator[Found | str]:
    """Run the tests that detect waits of the host; on a CPU they use a fake card."""
    files = sorted(map(str, Path().glob(FEW if bench.small else PATTERN)))
    options = ["-n", "0", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "--tb=short"]
    with (bench.out / "tests.txt").open("w", encoding="utf-8") as file:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *files],
            env={**os.environ, "CARD": "fake" if bench.device == "cpu" else "real"},
            stdout=file,
            check=False,
        )
    said = (bench.out / "tests.txt").read_text(encoding="utf-8").strip().splitlines()
    yield said[-1] if said else f"pytest said nothing and ended with {done.returncode}"
