"""What is written down about the partitions of an artefact, beside the artefact."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.claims import LOCK, WORK, Claims
from mgd3_kedro.datasets.partition_files import (
    explained,
    is_as_made,
    marks_of,
    read_verified,
    remove,
)
from mgd3_kedro.datasets.partition_records import Found, Origin, read_record, write_record
from mgd3_kedro.durable import read_json, sync_folder, sync_tree, write_json
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.stages import Made

logger = logging.getLogger(__name__)

INDEX = "complete"


@dataclass(frozen=True)
class Manifest:
    """A folder with one record per partition, and an index once all are there.

    Runs that ask for other partitions of the same folder have an index each.

    A partition is written under another name, then its record is taken back, the partition put in
    its place, and the record written: whatever is interrupted, a record never speaks for what is
    not there.

    Args:
        artefact: Folder of the partitions; the manifest is the folder beside it.
        suffix: Of a partition.
        selection: What tells the partitions that are asked for from others that stay beside them;
            None if there are no others.
    """

    artefact: Path
    suffix: str = ""
    selection: str | None = None

    @property
    def folder(self) -> Path:
        """Where the records are."""
        return self.artefact.with_name(f"{self.artefact.name}.manifest")

    @property
    def index(self) -> Path:
        """Where it is written which partitions the artefact consists of."""
        if self.selection is None:
            return self.folder / INDEX
        return self.folder / f"{INDEX}-{digest(self.selection)[:12]}"

    @property
    def is_complete(self) -> bool:
        """Whether the last stage came to its end, and all that it made is still there."""
        try:
            return all(self._record(wnid).exists() for wnid in self.read_index())
        except (OSError, ValueError):
            return False

    @property
    def finished(self) -> int:
        """Number of partitions there are, complete or not."""
        return len(list(self.folder.glob("*.json"))) if self.folder.is_dir() else 0

    def path_of(self, wnid: str) -> Path:
        """Return where a partition is."""
        return self.artefact / f"{wnid}{self.suffix}"

    def read_index(self) -> list[str]:
        """Return the classes of a complete artefact, in order.

        Raises:
            OSError: If it is not complete.
            ValueError: Naming the file, if it is damaged.
        """
        names: list[str] = read_json(self.index, list)
        if not names or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{self.index}: expected names of partitions, got {str(names)[:40]}")
        return names

    def check_index(self) -> None:
        """Refuse an index that is damaged, while none is no error.

        Raises:
            ValueError: Naming the file.
        """
        with contextlib.suppress(OSError):
            self.read_index()

    def read_record(self, wnid: str) -> dict[str, Any]:
        """Return what is written down about a partition.

        Raises:
            OSError: If there is none.
            ValueError: Naming the file, if it is damaged.
        """
        return read_record(self._record(wnid))

    def read_records(self, wnids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what is written down about some partitions, see `read_record`."""
        return {wnid: self.read_record(wnid) for wnid in wnids}

    def read(self, read: Callable[[Path], Any], wnid: str, content: str) -> Any:
        """Read a partition, see `read_verified`; one that has changed is forgotten."""
        try:
            return read_verified(read, self.path_of(wnid), content)
        except DatasetError:
            # Its size and time may be as they were, by which `find` goes. What another process has
            # made in its place meanwhile stays.
            with contextlib.suppress(OSError, ValueError):
                if self.read_record(wnid)["content"] == content:
                    self._record(wnid).unlink()
            raise

    def find_all(self, fingerprints: Mapping[str, str]) -> dict[str, Found]:
        """Return what is there of some partitions, see `find`.

        Args:
            fingerprints: wnid -> identity of what it would be made from.
        """
        return {wnid: self.find(wnid, identity) for wnid, identity in fingerprints.items()}

    def order(self, wnids: Sequence[str]) -> list[str]:
        """Return some classes in the order in which they are to be made."""
        return list(wnids)

    def find(self, wnid: str, fingerprint: str) -> Found:
        """Return the record of a partition that is unchanged and made from what it would be now.

        Args:
            wnid: The class.
            fingerprint: Of what it would be made from.
        """
        try:
            record = self.read_record(wnid)
        except OSError:
            return Found()
        except ValueError as error:
            _tell_once(f"{error}; made anew")
            return Found()
        if record["fingerprint"] != fingerprint:
            return Found()
        with contextlib.suppress(OSError):
            if is_as_made(self.path_of(wnid), record["content"], record["stamp"]):
                return Found(record)
        return Found(has_changed=True)

    @contextlib.contextmanager
    def shared(self, purpose: str) -> Iterator[Claims]:
        """Work here beside other processes that make the same partitions from the same.

        Args:
            purpose: Tells what they are made from; processes with another one wait.

        Raises:
            DatasetError: If the folder cannot be written to.
        """
        with contextlib.ExitStack() as stack:
            with explained(self.folder / LOCK):
                self.folder.mkdir(parents=True, exist_ok=True)
                claims = Claims(self.folder, purpose)
                stack.enter_context(claims.at_work(self.artefact.name))
            yield claims

    def tidy(self) -> None:
        """Remove what a process that was killed has left of its work, if none is at work."""
        if (self.folder / WORK).exists():
            # Not worth an error: a complete artefact may be on a disk that is read alone.
            with contextlib.suppress(OSError):
                Claims(self.folder, "").tidy()

    def reopen(self) -> None:
        """Say that the artefact is not complete, nor any selection that will not stay."""
        self.index.unlink(missing_ok=True)
        if self.selection is None:
            for index in self.folder.glob(f"{INDEX}-*"):
                if index.suffix != ".json":
                    index.unlink()

    def close(self, wnids: Sequence[str]) -> None:
        """Say that the artefact is complete, and consists of these classes.

        Raises:
            DatasetError: If the index cannot be written.
        """
        with explained(self.index):
            write_json(self.index, list(wnids))

    def forget_others(self, wnids: Collection[str]) -> None:
        """Remove partitions of classes not among these, unless another selection may want them."""
        if self.selection is not None:
            return
        for record in self.folder.glob("*.json"):
            if record.stem not in wnids:
                record.unlink()
                remove(self.path_of(record.stem))

    def keep(
        self,
        wnid: str,
        made: Made,
        origin: Origin,
        seconds: float,
        peak_memory_mb: float,
        write: Callable[[Path, Any], None],
    ) -> None:
        """Write a partition and its record.

        Args:
            wnid: The class.
            made: What was computed.
            origin: What it was made from.
            seconds: Time that took, beside what `made` counts itself.
            peak_memory_mb: What the process has held at most.
            write: Writes a value to a path that does not exist.

        Raises:
            DatasetError: If it cannot be written; nothing is left of it.
        """
        path = self.path_of(wnid)
        fresh = self.folder / WORK / f"{wnid}-{secrets.token_hex(4)}{self.suffix}"
        with explained(path, fresh):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.parent.mkdir(parents=True, exist_ok=True)
            write(fresh, made.value)
            sync_tree(fresh)
            self._record(wnid).unlink(missing_ok=True)
            remove(path)
            fresh.replace(path)
            sync_folder(path.parent)
            record = {
                **asdict(origin),
                **marks_of(path),
                "count": made.count,
                "seconds": seconds + made.seconds_before,
                "peak_memory_mb": peak_memory_mb,
                "metrics": dict(made.metrics),
                "rows": [dict(row) for row in made.rows],
            }
            write_record(self._record(wnid), record)

    def _record(self, wnid: str) -> Path:
        return self.folder / f"{wnid}.json"


@cache
def _tell_once(message: str) -> None:
    # What is there is looked at several times in a run.
    logger.warning("%s", message)
