"""Measure a graphics card in parts; results are kept when the time runs out."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.__main__ import SPEEDS
from benchmarks.gpu import PARTS
from benchmarks.gpu.schedule import GpuBench, run_parts
from benchmarks.results import Row, describe, merge, read_rows, write_rows
from mgd3_kedro.devices import reproducible, resolve_device

REPORT = "report.txt"
ROWS = "speed.csv"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts that there is time for.

    Args:
        arguments: Arguments of the command line; None for those of the process.

    Raises:
        ValueError: If the machine does not have the device.
    """
    options = _read(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.take:
        _keep(read_rows(options.take / ROWS), options.table)
    elif options.part:
        _run_part(options)
    else:
        resolve_device(options.device)
        with tempfile.TemporaryDirectory() as folder:
            common = ["--out", options.out, "--device", options.device, "--table", options.table]
            common += ["--data", options.data] if options.data else []
            common += ["--threads", options.threads] if options.threads else []
            common += ["--size", options.size, "--folder", folder]

            def command(name: str, seconds: float) -> list[str]:
                own = ["--part", name, "--seconds", f"{seconds:.1f}"]
                return [sys.executable, "-m", "benchmarks.gpu", *own, *map(str, common)]

            chosen = {name: PARTS[name] for name in options.only or PARTS}
            report = options.out / REPORT
            run_parts(
                chosen, 60 * options.minutes, command, options.out, lambda text: _say(report, text)
            )


def _run_part(options: argparse.Namespace) -> None:
    logging.getLogger("mgd3_kedro").setLevel(logging.WARNING)
    small = options.size == "small"
    bench = GpuBench(
        options.folder, options.device, options.seconds, options.out, small, options.data
    )
    with reproducible(options.threads):
        for found in PARTS[options.part].run(bench):
            if isinstance(found, str):
                _say(options.out / REPORT, f"{options.part}: {found}")
                continue
            row = describe(*found, goal="", device=options.device)
            _keep([row], options.out / ROWS)
            # A rehearsal says nothing about a card.
            if options.device != "cpu" and not small:
                _keep([row], options.table)
            spread = f"{row.ratio_median} ({row.ratio_low} to {row.ratio_high})"
            _say(options.out / REPORT, f"{options.part}: {row.name} {spread}")


def _keep(rows: Sequence[Row], table: Path) -> None:
    write_rows(table, merge(read_rows(table), rows))


def _say(report: Path, text: str) -> None:
    print(text, flush=True)
    with report.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="rows and files")
    parser.add_argument("--minutes", type=float, default=9.0, help="of the whole")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument(
        "--size", choices=["full", "small"], default="full", help="small: to rehearse"
    )
    parser.add_argument("--data", type=Path, help="photos of Imagenette at 64 px")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--table", type=Path, default=SPEEDS, help="for the rows of a card")
    parser.add_argument("--only", action="append", choices=PARTS, help="some parts")
    parser.add_argument("--take", type=Path, help="put the rows of another --out into the table")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
