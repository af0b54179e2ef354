"""Identity of the process of a run, so that later runs can tell whether it has ended."""

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
"""States of a Linux process that has ended but still has a process id."""


def process_tags() -> dict[str, str]:
    """Return tags that identify this process, even among later ones with the same process id."""
    number = os.getpid()
    return {
        HOST_TAG: platform.node(),
        PROCESS_TAG: str(number),
        BEGUN_TAG: begin_of(number) or "unknown",
    }


def is_gone(tags: Mapping[str, str]) -> bool:
    """Tell whether the process of a run has ended; False if that is unknown.

    Args:
        tags: Tags of the run. Unknown are processes of other machines, and runs without the tags
            of `process_tags`.
    """
    if tags.get(HOST_TAG) != platform.node() or PROCESS_TAG not in tags:
        return False
    begun = begin_of(int(tags[PROCESS_TAG]))
    return begun is None or begun != tags.get(BEGUN_TAG, begun)


def begin_of(number: int) -> str | None:
    """Return a text that identifies the start of a process; None if it does not exist.

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
    """Close runs of this machine that are marked as running, but whose process has ended.

    Runs with an error tag are marked as failed, the others as killed.

    Args:
        client: Client of the store.
        experiment: Id of the experiment.
    """
    running = client.search_runs(
        [experiment],
        filter_string=f"attributes.status = 'RUNNING' and tags.`{HOST_TAG}` = '{platform.node()}'",
    )
    for run in running:
        if is_gone(run.data.tags):
            status = "FAILED" if "error" in run.data.tags else "KILLED"
            client.set_terminated(run.info.run_id, status)
