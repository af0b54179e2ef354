"""What became of each fault, a row each."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "docs/results/faults.csv"


class Row(NamedTuple):
    """What became of a fault.

    Args:
        family: Of the fault.
        what: Happened.
        survived: "yes" or "no".
        told: What was lost, if so.
        seconds: What it took.
        code: Digest of the code that it happened to.
        digest: Of the fault.
    """

    family: str
    what: str
    survived: str
    told: str
    seconds: str
    code: str
    digest: str


def read_rows(path: Path) -> dict[str, Row]:
    """Return digest of a fault -> its row."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["digest"]: Row(**row) for row in csv.DictReader(file)}


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write rows, as a whole or not at all."""
    fresh = path.with_suffix(".partial")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Row._fields)
        table.writerows(rows)
    fresh.replace(path)


def code_digest() -> str:
    """Return what changes with the code of the package, and its configuration."""
    total = hashlib.sha256()
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "conf").rglob("*.yml")]
    for path in sorted(files):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:12]
