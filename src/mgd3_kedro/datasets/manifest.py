"""Manifest of an artefact: records of its partitions, in a folder beside it."""

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
    """A folder with one record per partition, and an index once all partitions exist.

    Runs that select different partitions of the same folder have one index each.

    A partition is first written under another name. Then its old record is removed, the partition
    is put in place, and the new record is written. So a record never describes a partition that
    does not exist, whatever is interrupted.

    Args:
        artefact: Folder of the partitions; the manifest is the folder beside it.
        suffix: Suffix of a partition's path; empty for folders.
        selection: Text that identifies the selected partitions; others stay beside them. None if
            all partitions are selected.
    """

    artefact: Path
    suffix: str = ""
    selection: str | None = None

    @property
    def folder(self) -> Path:
        """Folder of the records."""
        return self.artefact.with_name(f"{self.artefact.name}.manifest")

    @property
    def index(self) -> Path:
        """Path of the index, which lists the partitions of the artefact."""
        if self.selection is None:
            return self.folder / INDEX
        return self.folder / f"{INDEX}-{digest(self.selection)[:12]}"

    @property
    def is_complete(self) -> bool:
        """Whether the last stage finished, and all partitions that it made are still recorded."""
        try:
            return all(self._record(wnid).exists() for wnid in self.read_index())
        except (OSError, ValueError):
            return False

    @property
    def finished(self) -> int:
        """Number of finished partitions, whether the artefact is complete or not."""
        return len(list(self.folder.glob("*.json"))) if self.folder.is_dir() else 0

    def path_of(self, wnid: str) -> Path:
        """Return the path of a partition."""
        return self.artefact / f"{wnid}{self.suffix}"

    def read_index(self) -> list[str]:
        """Return the classes of a complete artefact, in order.

        Raises:
            OSError: If the artefact is not complete.
            ValueError: If the index is damaged; the message names the file.
        """
        names: list[str] = read_json(self.index, list)
        if not names or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{self.index}: expected names of partitions, got {str(names)[:40]}")
        return names

    def check_index(self) -> None:
        """Check that the index is not damaged; a missing index is allowed.

        Raises:
            ValueError: If it is damaged; the message names the file.
        """
        with contextlib.suppress(OSError):
            self.read_index()

    def read_record(self, wnid: str) -> dict[str, Any]:
        """Return the record of a partition.

        Raises:
            OSError: If there is none.
            ValueError: If it is damaged; the message names the file.
        """
        return read_record(self._record(wnid))

    def read_records(self, wnids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the records of some partitions, see `read_record`."""
        return {wnid: self.read_record(wnid) for wnid in wnids}

    def read(self, read: Callable[[Path], Any], wnid: str, content: str) -> Any:
        """Read a partition, see `read_verified`; if it has changed, remove its record.

        Raises:
            DatasetError: If the partition is missing or has changed.
        """
        try:
            return read_verified(read, self.path_of(wnid), content)
        except DatasetError:
            # `find` checks only sizes and times, which may be unchanged. Keep a new partition that
            # another process has put there meanwhile.
            with contextlib.suppress(OSError, ValueError):
                if self.read_record(wnid)["content"] == content:
                    self._record(wnid).unlink()
            raise

    def find_all(self, fingerprints: Mapping[str, str]) -> dict[str, Found]:
        """Return what exists of some partitions, see `find`.

        Args:
            fingerprints: wnid -> identity of what the partition would be made from now.
        """
        return {wnid: self.find(wnid, identity) for wnid, identity in fingerprints.items()}

    def order(self, wnids: Sequence[str]) -> list[str]:
        """Return some classes in the order in which to make them."""
        return list(wnids)

    def find(self, wnid: str, fingerprint: str) -> Found:
        """Return the record of a partition, if it is unchanged and not out of date.

        Args:
            wnid: The class.
            fingerprint: Identity of what the partition would be made from now.
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
        """Share the folder with processes that make the same partitions from the same inputs.

        Args:
            purpose: Identity of the inputs; processes with another purpose wait.

        Yields:
            The claims that divide the partitions among the processes.

        Raises:
            DatasetError: If the folder cannot be written to.
        """
        with contextlib.ExitStack() as stack:
            with explained(self.folder / LOCK):
                self.folder.mkdir(parents=True, exist_ok=True)
                claims = Claims(self.folder, purpose)
                stack.enter_context(claims.registered(self.artefact.name))
            yield claims

    def tidy(self) -> None:
        """Remove what killed processes have left of their work, if no process is at work."""
        if (self.folder / WORK).exists():
            # Ignore errors: a complete artefact may be on a read-only disk.
            with contextlib.suppress(OSError):
                Claims(self.folder, "").tidy()

    def reopen(self) -> None:
        """Mark the artefact as incomplete; without a selection, all selections too."""
        self.index.unlink(missing_ok=True)
        if self.selection is None:
            for index in self.folder.glob(f"{INDEX}-*"):
                if index.suffix != ".json":
                    index.unlink()

    def close(self, wnids: Sequence[str]) -> None:
        """Mark the artefact as complete, with these classes.

        Raises:
            DatasetError: If the index cannot be written.
        """
        with explained(self.index):
            write_json(self.index, list(wnids))

    def forget_others(self, wnids: Collection[str]) -> None:
        """Remove the partitions of all other classes, unless another selection may need them."""
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
            made: Result of the computation.
            origin: What the partition was made from.
            seconds: Computing time in seconds, without `made.seconds_before`.
            peak_memory_mb: Peak memory of the process in MB.
            write: Function that writes a value to a path that does not exist.

        Raises:
            DatasetError: If it cannot be written; no part of it is left.
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
    # A run checks the same records several times but should warn once.
    logger.warning("%s", message)
