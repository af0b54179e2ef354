"""Measure, print a table, and write its rows into the table of speeds."""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks import MEASUREMENTS
from benchmarks.models import Bench
from benchmarks.results import as_text, describe, merge, read_rows, write_rows
from mgd3_kedro.checks import unknown_name
from mgd3_kedro.devices import reproducible, resolve_device
from mgd3_kedro.memory import keep_freed_memory

SPEEDS = Path("docs/results/speed.csv")


def chosen_names(patterns: Sequence[str], device: str) -> list[str]:
    """Return the measurements that run on a device and match one of the patterns.

    Args:
        patterns: Names, which may contain *; none for all measurements.
        device: Where models run.

    Raises:
        ValueError: If a pattern matches no measurement of the device.
    """
    possible = [n for n, made in MEASUREMENTS.items() if made.only_on in ("", device)]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in possible):
            raise ValueError(unknown_name(pattern, possible, f"measurement on {device}"))
    return [n for n in possible if any(fnmatch(n, pattern) for pattern in patterns or ["*"])]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements that the command line selects.

    Args:
        arguments: Arguments of the command line; None for those of the process.

    Raises:
        ValueError: If a measurement is unknown or the machine does not have the device.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="may hold *")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--seconds", type=float, default=25.0, help="for each measurement")
    parser.add_argument("--results", type=Path, default=SPEEDS, help="the table")
    options = parser.parse_args(arguments)
    names = chosen_names(options.only, options.device)
    resolve_device(options.device)
    logging.getLogger("mgd3_kedro").setLevel(logging.WARNING)
    keep_freed_memory()  # like every run
    width = max(map(len, names))
    with (
        reproducible(options.threads),
        threadpool_limits(options.threads),
        tempfile.TemporaryDirectory() as folder,
    ):
        bench = Bench(Path(folder), options.device, options.seconds)
        for name in names:
            measurement = MEASUREMENTS[name]
            spread = measurement.measure(bench)
            row = describe(name, spread, measurement.goal, options.device)
            # After each measurement: a run that is stopped loses only the current one.
            write_rows(options.results, merge(read_rows(options.results), [row]))
            print(as_text(row, width), flush=True)


if __name__ == "__main__":
    main()
