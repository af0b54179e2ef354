"""What it costs a run that nothing is lost: it waits for the disk, and digests files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.models import Bench
from benchmarks.timing import Spread, spread_of
from mgd3_kedro.new_project import make_project

REPEATS = 3
# Trainings in this process: what others wait for is not seen.
COMMAND = ("run", "--pipelines=distill", "--params", "jobs=1")
START = "import sys; from benchmarks.safety import run_counted; run_counted(sys.argv[1])"


def compare_with_unsafe(bench: Bench) -> Spread:
    """Return a whole `distill` of the digits per the same without syncing and digests of files.

    Both are of one run: its seconds, and those that it spends in `fsync` and SHA-256.

    Args:
        bench: Where to work.
    """
    return spread_of([_ratio(bench.folder / f"safety{number}") for number in range(REPEATS)])


def _ratio(project: Path) -> float:
    make_project(project)
    told = project / "counted.json"
    subprocess.run(
        [sys.executable, "-c", START, told],
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    counted = json.loads(told.read_text(encoding="utf-8"))
    return float(counted["all"] / (counted["all"] - counted["safety"]))


def run_counted(told: str) -> None:
    """Run the command and write down its seconds, and those of what makes it safe.

    Args:
        told: The file to write to.
    """
    begun = time.perf_counter()
    spent = Spent()
    os.fsync = spent.counting(os.fsync)
    hashlib.file_digest = spent.counting(hashlib.file_digest)
    # Before what keeps it as its own is imported.
    hashlib.sha256 = spent.counting_digests(hashlib.sha256)  # type: ignore[assignment]
    from mgd3_kedro.__main__ import main

    main(COMMAND, standalone_mode=False)
    taken = {"all": time.perf_counter() - begun, "safety": spent.seconds}
    Path(told).write_text(json.dumps(taken), encoding="utf-8")


class Spent:
    """Seconds in functions, whoever calls them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose seconds are counted."""

        def counted(*arguments: Any, **options: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - begun

        return counted

    def counting_digests(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """Return what makes digests whose seconds are counted, at first and with more."""

        class Counted:
            def __init__(self, *parts: Any, **options: Any) -> None:
                self._total = spent(make)(*parts, **options)
                self.update = spent(self._total.update)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._total, name)

        spent = self.counting
        return Counted
