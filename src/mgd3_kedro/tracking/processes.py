"""Which process a run is of, so that whoever starts next knows whether it is still there."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

HOST_TAG, PROCESS_TAG, BEGUN_TAG = "process.host", "process.id", "process.begun"
ENDED = ("Z", "X")
"""States of a process of Linux that has ended, and of which a number is left."""


def process_tags() -> dict[str, str]:
    """Return what tells this process from all others, also from later ones of the same number."""
    number = os.getpid()
    return {
        HOST_TAG: platform.node(),
        PROCESS_TAG: str(number),
        BEGUN_TAG: begin_of(number) or "unknown",
    }


def is_gone(tags: Mapping[str, str]) -> bool:
    """Tell whether a process has ended; that of one of another machine is not known.

    Args:
        tags: Of a run; without those of `process_tags` nothing is known.
    """
    if tags.get(HOST_TAG) != platform.node() or PROCESS_TAG not in tags:
        return False
    begun = begin_of(int(tags[PROCESS_TAG]))
    return begun is None or begun != tags.get(BEGUN_TAG, begun)


def begin_of(number: int) -> str | None:
    """Return what is different for every process that had this number; None if there is none.

    Source: proc(5), starttime; ps(1) elsewhere.
    """
    if not sys.platform.startswith("linux"):
        command = ["ps", "-o", "lstart=", "-p", str(number)]
        told = subprocess.run(
            command, capture_output=True, encoding="utf-8", check=False
        ).stdout.strip()
        return told or None
    try:
        text = Path(f"/proc/{number}/stat").read_text(errors="replace", encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *facts = text.rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return None if state in ENDED else f"{boot} {facts[18]}"


def settle_dead_runs(client: MlflowClient, experiment: str) -> None:
    """Mark runs of this machine that say they are running, but whose process has gone.

    Those that had noted an error have failed; the others were killed.

    Args:
        client: Of the store.
        experiment: Its id.
    """
    running = client.search_runs(
        [experiment],
        filter_string=f"attributes.status = 'RUNNING' and tags.`{HOST_TAG}` = '{platform.node()}'",
    )
    for run in running:
        if is_gone(run.data.tags):
            status = "FAILED" if "error" in run.data.tags else "KILLED"
            client.set_terminated(run.info.run_id, status)
