"""Rows of the table of speeds: result, goal, machine and versions."""

from __future__ import annotations

import csv
import operator
import os
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.timing import Spread

COMPARISONS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Row:
    """One measurement, as written to the table.

    Args:
        name: Name of the measurement.
        ratio_median: Median over rounds.
        ratio_low: 10th percentile.
        ratio_high: 90th percentile.
        goal: What the median should reach, e.g. ">= 2.7"; empty for no goal.
        machine: Processor, cores and threads; or the graphics card.
        versions: Versions of the libraries that the time is spent in.
        date: Day, in ISO format.
    """

    name: str
    ratio_median: str
    ratio_low: str
    ratio_high: str
    goal: str
    machine: str
    versions: str
    date: str

    @property
    def verdict(self) -> str:
        """Whether the goal is met, in words; empty if there is no goal."""
        if not self.goal:
            return ""
        return "met" if reaches(float(self.ratio_median), self.goal) else "not met"


def reaches(value: float, goal: str) -> bool:
    """Return whether a number reaches a goal.

    Args:
        value: The number.
        goal: ">= NUMBER" or "<= NUMBER".

    Raises:
        ValueError: If the goal has another form.
    """
    comparison, _, bound = goal.partition(" ")
    if comparison not in COMPARISONS or not bound:
        raise ValueError(f"goal: expected one of {', '.join(COMPARISONS)} and a number, got {goal}")
    return COMPARISONS[comparison](value, float(bound))


def describe(name: str, spread: Spread, goal: str, device: str) -> Row:
    """Return the row of a measurement, with this machine, its versions and today's date."""
    median, low, high = (f"{number:.4g}" for number in spread)
    day = date.today().isoformat()
    return Row(name, median, low, high, goal, machine(device), versions(), day)


def machine(device: str) -> str:
    """Return the name of the graphics card, or of the processor with cores and threads.

    Source: proc(5), cpuinfo.
    """
    if device == "cuda":
        return torch.cuda.get_device_name()
    about = Path("/proc/cpuinfo")
    text = about.read_text(encoding="utf-8") if about.is_file() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    threads = torch.get_num_threads()
    parts = [
        model[1] if model else platform.processor() or platform.machine(),
        f"{os.cpu_count()} cores",
        f"{threads} thread{'s' if threads > 1 else ''}",
    ]
    # Without these instructions bf16 is emulated, and several times slower than fp32.
    if text and "bf16" not in text:
        parts.append("no bf16 instructions")
    return ", ".join(parts)


def versions() -> str:
    """Return the versions of the libraries that the time is spent in."""
    parts = {name: version(name) for name in ("torch", "diffusers")}
    return ", ".join(f"{n} {v}" for n, v in {**parts, "python": platform.python_version()}.items())


def merge(old: Sequence[Row], new: Iterable[Row]) -> list[Row]:
    """Replace rows with the same name and machine, and append the others."""
    rows = {(row.name, row.machine): row for row in old}
    rows.update({(row.name, row.machine): row for row in new})
    return list(rows.values())


def read_rows(path: Path) -> list[Row]:
    """Read a table; return no rows if there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [Row(**values) for values in csv.DictReader(file)]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        names = [field.name for field in fields(Row)]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def as_text(row: Row, width: int) -> str:
    """Return a row as one readable line.

    Args:
        row: The row.
        width: Width of the column with the name.
    """
    spread = f"{row.ratio_median:>7} ({row.ratio_low} to {row.ratio_high})"
    return f"{row.name:<{width}} {spread:<28} {row.goal:<8} {row.verdict}".rstrip()
