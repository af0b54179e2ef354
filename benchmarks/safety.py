"""Cost of safe storage in a run: waiting for the disk, and hashing files."""

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
# Trainings run in this process: the time of other processes is not counted.
COMMAND = ("run", "--pipelines=distill", "--params", "jobs=1")
START = "import sys; from benchmarks.safety import run_counted; run_counted(sys.argv[1])"


def compare_with_unsafe(bench: Bench) -> Spread:
    """Return the time of a whole `distill` of the digits, over that without syncing and hashing.

    Both come from one run: its seconds, with and without those in `fsync` and SHA-256.

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
    """Run the command, and write its seconds and those in `fsync` and SHA-256 to a file.

    Args:
        told: File to write to.
    """
    begun = time.perf_counter()
    spent = Spent()
    os.fsync = spent.counting(os.fsync)
    hashlib.file_digest = spent.counting(hashlib.file_digest)
    # Before the import of modules that keep their own reference to it.
    hashlib.sha256 = spent.counting_digests(hashlib.sha256)  # type: ignore[assignment]
    from mgd3_kedro.__main__ import main

    main(COMMAND, standalone_mode=False)
    taken = {"all": time.perf_counter() - begun, "safety": spent.seconds}
    Path(told).write_text(json.dumps(taken), encoding="utf-8")


class Spent:
    """Seconds spent in functions, whatever calls them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that also counts its seconds."""

        def counted(*arguments: Any, **options: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - begun

        return counted

    def counting_digests(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """Return a constructor of hashes that counts the seconds of construction and updates."""

        class Counted:
            def __init__(self, *parts: Any, **options: Any) -> None:
                self._total = spent(make)(*parts, **options)
                self.update = spent(self._total.update)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._total, name)

        spent = self.counting
        return Counted
