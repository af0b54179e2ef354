"""What a project holds after a run: digests of its results, and what should not be there."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

from faults.table import expect
from mgd3_kedro.datasets.partition_files import files_of
from mgd3_kedro.datasets.partition_records import DIGEST, read_record
from mgd3_kedro.fingerprint import file_digest

OF_TIME = re.compile(
    r"(^|[/_])(seconds|peak_memory_mb|images_per_second|command|run_id|stamp)$|_seconds$"
)
"""Names of what differs between two undisturbed runs: times, also those of files, memory, the words
of the command, the MLflow run."""
TOLD_TIMES = re.compile(r">[^<>]*[0-9] (s|min|h|%|MB|GB)</(td|dd)>")
"""The same on a page."""
COMMANDS = re.compile(r"<h3>Commands?</h3>.*?(?=<h3>)", re.DOTALL)
"""What made which stage: after a run that another run has made a part for, there are two."""
UNFINISHED = re.compile(r"\.partial(/|$)")
"""What a kill leaves of a file, and nobody reads."""
WORK = re.compile(r"(^|/)(\.work|\.lock|\.probe-\w+)(/|$)")
"""What processes at work tell each other."""
ENDED = {"FINISHED", "FAILED", "KILLED"}


def results_of(project: Path, folder: str = "data") -> dict[str, str]:
    """Return the digest of every result of a project by its path, without what tells times.

    Args:
        project: Its folder.
        folder: Of it.
    """
    root = project / folder
    return {
        name: hashlib.sha256(_plain(path)).hexdigest()[:16]
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.suffix != ".log"
        and not UNFINISHED.search(name := path.relative_to(root).as_posix())
        and not WORK.search(name)
        and "/checkpoints/" not in f"/{name}"
    }


def expect_same(found: dict[str, str], undisturbed: dict[str, str]) -> None:
    """Compare results with those of an undisturbed run.

    Raises:
        LostError: Naming what is missing, what differs, and what there is too much.
    """
    missing = sorted(undisturbed.keys() - found.keys())
    surplus = sorted(found.keys() - undisturbed.keys())
    both = undisturbed.keys() & found.keys()
    other = sorted(name for name in both if undisturbed[name] != found[name])
    for told, names in (("missing", missing), ("not the same", other), ("surplus", surplus)):
        expect(not names, f"{told}: {', '.join(names[:3])} ({len(names)})")


def expect_records(project: Path) -> None:
    """Compare every partition with what is written down of it."""
    for record in sorted((project / "data").glob("**/*.manifest/*.json")):
        folder = record.parent.with_suffix("")
        (part,) = [path for path in folder.glob(f"{record.stem}*") if path.stem == record.stem] or [
            folder / record.stem
        ]
        content = read_record(record)["content"]
        expect(file_digest(files_of(part)) == content, f"{record}: of another content")


def expect_nothing_left(project: Path) -> None:
    """Look for what processes at work tell each other, and for a folder put aside."""
    left = [
        path.relative_to(project).as_posix()
        for path in (project / "data").rglob("*")
        if path.name in (".work", "claims") or path.name.startswith(".probe-")
    ]
    expect(not left, f"left behind: {', '.join(left[:3])}")


def statuses_of(project: Path) -> Counter[str]:
    """Return how many MLflow runs have which status, from a store that is whole."""
    with contextlib.closing(sqlite3.connect(project / "mlflow.db")) as store:
        (told,) = store.execute("PRAGMA quick_check").fetchone()
        expect(told == "ok", f"mlflow.db: {told}")
        return Counter(status for (status,) in store.execute("SELECT status FROM runs"))


def expect_true_states(project: Path, disturbed: str = "") -> None:
    """Look at the states of the MLflow runs: all have ended, and one by itself.

    Args:
        project: Its folder.
        disturbed: What a run that was disturbed may say; nothing if it may say anything.
    """
    found = statuses_of(project)
    expect(found.keys() <= ENDED, f"MLflow states: {dict(found)}")
    if disturbed:
        expect(found.keys() <= {"FINISHED", disturbed}, f"MLflow states: {dict(found)}")


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".json":
        with contextlib.suppress(ValueError):
            content = json.loads(data)
            if path.parent.suffix == ".manifest":
                del content[DIGEST]  # it is of times, too
                if path.parent.stem == "trainings":
                    del content["content"]  # it has the seconds of the training
            return json.dumps(_without_times(content), sort_keys=True).encode()
    if path.suffix == ".csv":
        return _without_columns(data.decode()).encode()
    if path.suffix == ".html":
        return COMMANDS.sub("", TOLD_TIMES.sub("", data.decode())).encode()
    return data


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(of) for name, of in value.items() if not OF_TIME.search(name)}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def _without_columns(text: str) -> str:
    rows = [*csv.reader(io.StringIO(text))]
    kept = [
        number for number, name in enumerate(rows[0] if rows else ()) if not OF_TIME.search(name)
    ]
    lines = [[row[number] for number in kept if number < len(row)] for row in rows]
    return json.dumps([lines, [len(row) for row in rows]])
