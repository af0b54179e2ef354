"""Run the faults: `python -m tests.mutants`, or `make mutants`."""

import argparse
import csv
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from .running import import_libraries
from .table import PACKAGE, Fault, read_faults
from .trial import ROOT, Trial, copy_project
from .usual import Usual, failing_tests, measure_tests

ROWS = ROOT / "docs/results/mutants.csv"
COLUMNS = ("file", "kind", "old", "new", "found", "by", "seconds", "digest")


def main() -> None:
    """Try all faults that have not been found yet, and say which survive."""
    sys.stdout.reconfigure(line_buffering=True)
    parser = argparse.ArgumentParser(prog="make mutants", description=main.__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="copies of the project side by side")
    parser.add_argument("--only", default="", help="start of the files whose faults are tried")
    parser.add_argument("--rows", type=Path, default=ROWS, help="where results are kept")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir(), "mgd3_kedro-mutants")
    )
    asked = parser.parse_args()

    copies = [copy_project(asked.folder / str(number)) for number in range(asked.jobs)]
    sources = {fault: (copies[0] / PACKAGE / fault.file).read_text() for fault in read_faults()}
    digests = {fault: fault.digest(source) for fault, source in sources.items()}
    rows = {row["digest"]: row for row in _read(asked.rows) if row["digest"] in digests.values()}
    wanted = [
        fault
        for fault, digest in digests.items()
        if fault.file.startswith(asked.only) and rows.get(digest, {}).get("found") != "yes"
    ]
    if wanted:
        import_libraries()
        usual = measure_tests(copies[0], asked.folder / "usual.json")
        free = get_context("fork").SimpleQueue()
        for copy in copies:
            free.put(copy)
        with ProcessPoolExecutor(
            asked.jobs, get_context("fork"), initializer=_take_copy, initargs=(free, usual)
        ) as pool:
            tried = {pool.submit(_try_fault, fault): fault for fault in wanted}
            for done in as_completed(tried):
                fault, (by, seconds) = tried[done], done.result()
                about = (fault.file, fault.kind, _as_line(fault.old), _as_line(fault.new))
                facts = ("yes" if by else "no", by, f"{seconds:.0f}", digests[fault])
                row = dict(zip(COLUMNS, (*about, *facts), strict=True))
                rows[digests[fault]] = row
                _write(asked.rows, [rows[one] for one in digests.values() if one in rows])
                print(*(row[name] for name in ("found", "seconds", "file", "old", "by")))
        # A test that fails in any case has found nothing.
        lost = failing_tests(copies[0], {row["by"] for row in rows.values() if "::" in row["by"]})
        for digest, row in rows.items():
            if row["by"] in lost:
                print(f"fails without a fault too: {row['by']}")
                rows[digest] = {**row, "found": "no"}
        _write(asked.rows, [rows[one] for one in digests.values() if one in rows])
    survivors = [row for row in rows.values() if row["found"] == "no"]
    print(f"{len(digests)} faults, {len(rows)} tried, {len(rows) - len(survivors)} found")
    for row in survivors:
        print(f"survived: {row['file']}: {row['kind']}: {row['old']} => {row['new']}")


def _take_copy(free: Any, usual: dict[str, Usual]) -> None:
    """Give a process the copy that it works in."""
    global trial
    trial = Trial(free.get(), usual)


def _try_fault(fault: Fault) -> tuple[str, float]:
    begun = time.monotonic()
    return trial.find(fault), time.monotonic() - begun


def _as_line(text: str) -> str:
    return text.replace("\n", "\\n")


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    fresh = path.with_suffix(".partial")
    with fresh.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    fresh.replace(path)


if __name__ == "__main__":
    main()
