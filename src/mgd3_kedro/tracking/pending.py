"""Runs whose server did not answer, kept in files until one does."""

from __future__ import annotations

import json
import logging
import os
import shlex
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.durable import sync, write_text
from mgd3_kedro.tracking.events import END, write_event
from mgd3_kedro.tracking.processes import is_gone

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)

FOLDER = ".mgd3/untracked"
"""Folder of these files, within the project."""
SUFFIX = ".jsonl"


class Head(NamedTuple):
    """The first line of the file of a run.

    Args:
        store: Address of the store of the run, without a password.
        run_id: Id of the run, if the server had created it before it stopped answering.
        name: Name of the run.
        start_time: Start of the run, in milliseconds since the epoch.
        tags: Tags of the run, including those of its process.
    """

    store: str
    run_id: str | None
    name: str
    start_time: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Pending:
    """A run in a file: a line with its head, then a line per event.

    Args:
        path: Path of the file.
    """

    path: Path

    @classmethod
    def begin(cls, project: Path, head: Head) -> Pending:
        """Create the file of a run.

        Args:
            project: Folder of the project.
            head: Head of the run.
        """
        when = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(head.start_time / 1000))
        pending = cls(project / FOLDER / f"{when}-{os.getpid()}{SUFFIX}")
        write_text(pending.path, f"{json.dumps(head._asdict())}\n")
        return pending

    def append(self, kind: str, values: Any) -> None:
        """Append an event, see `tracking.events`."""
        with self.path.open("ab") as file:
            file.write(f"{json.dumps([kind, values])}\n".encode())
            sync(file)

    def read(self) -> tuple[Head, list[tuple[str, Any]]]:
        """Return the head and the events; a last line that a kill has cut off is left out.

        Raises:
            ValueError: If the file is not that of a run; the message names it.
        """
        try:
            first, *lines = self.path.read_bytes().splitlines(keepends=True)
            head = Head(**json.loads(first))
            return head, [tuple(json.loads(line)) for line in lines if line.endswith(b"\n")]
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{self.path}: expected a file of a run that is not logged yet, as in {FOLDER}, "
                "got another or a damaged file"
            ) from error

    def deliver(self, client: MlflowClient, experiment: str) -> str:
        """Log the run and remove the file; after an interruption, this can be repeated.

        Args:
            client: Client of the store.
            experiment: Id of the experiment.

        Returns:
            Name of the run.
        """
        head, events = self.read()
        run_id = head.run_id
        if run_id is None:
            made = client.create_run(experiment, head.start_time, dict(head.tags), head.name)
            run_id = made.info.run_id
            known = {**head._asdict(), "run_id": run_id}
            lines = [known, *map(list, events)]
            write_text(self.path, "".join(f"{json.dumps(line)}\n" for line in lines))
        for kind, values in events:
            write_event(client, run_id, kind, values)
        if not events or events[-1][0] != END:
            client.set_terminated(run_id, "KILLED")
        self.path.unlink()
        return head.name


def find_pending(project: Path, store: str) -> list[Pending]:
    """Return the runs that wait for a store, oldest first, without runs that are still active.

    The number of runs that wait for other stores is logged.

    Args:
        project: Folder of the project.
        store: Address of the store, without a password.
    """
    found, others = [], Counter[str]()
    for path in sorted((project / FOLDER).glob(f"*{SUFFIX}")):
        pending = Pending(path)
        try:
            head, events = pending.read()
        except ValueError as error:
            logger.warning("%s", error)
            continue
        if not (events and events[-1][0] == END) and not is_gone(head.tags):
            continue
        if head.store == store:
            found.append(pending)
        else:
            others[head.store] += 1
    for other, count in others.items():
        logger.info(
            "%d %s for %s; to log, run: MLFLOW_TRACKING_URI=%s kedro track (a login, which is not "
            "kept, goes after the two slashes, as NAME:PASSWORD@)",
            *(count, "run waits" if count == 1 else "runs wait", other, shlex.quote(other)),
        )
    return found
