"""Partitions that a store keeps too; this machine's folder fetches what it needs from there."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.manifest import INDEX, Manifest
from mgd3_kedro.datasets.partition_files import files_of, remove
from mgd3_kedro.datasets.partition_records import Found, Origin, check_record
from mgd3_kedro.fingerprint import file_digest
from mgd3_kedro.stages import Made
from mgd3_kedro.store import Store

SAME = ("fingerprint", "libraries")
"""Keys whose values are equal in two records with the same inputs and libraries."""


def open_store(fields: Mapping[str, Any] | None) -> Store | None:
    """Return the store of a catalog entry; None if it has none."""
    return Store(str(fields["url"]), Path(str(fields["root"]))) if fields else None


def open_manifest(
    artefact: Path, store: Store | None, suffix: str, selection: str | None
) -> Manifest:
    """Return the manifest of a folder; a `StoredManifest` if a store holds the folder.

    Args:
        artefact: The folder.
        store: The store; None for the folder alone.
        suffix: Suffix of a partition's path; empty for folders.
        selection: See `Manifest`.
    """
    if store is None or not store.holds(artefact):
        return Manifest(artefact, suffix, selection)
    return StoredManifest(artefact, suffix, selection, store=store)


def fetch_kept(place: Path, store: Store | None) -> None:
    """Fetch a file, or all partitions of a complete artefact, from the store.

    Args:
        place: Path of the file or artefact; nothing happens if the store does not have it.
        store: The store; None to do nothing.
    """
    if store is not None and store.holds(place):
        StoredManifest(place, store=store).get_all()
        store.fetch([place])


def fetch_kept_below(folder: Path, store: Store | None, is_asked: Callable[[Path], bool]) -> None:
    """Fetch some of the files below a folder from the store.

    Args:
        folder: The folder.
        store: The store; None to do nothing.
        is_asked: Function that returns whether to fetch a file.
    """
    if store is not None and store.holds(folder):
        store.fetch(filter(is_asked, store.names(folder)))


@dataclass(frozen=True)
class StoredManifest(Manifest):
    """A manifest whose partitions, records and index are also kept in a store.

    The store is authoritative. What is only in the folder is uploaded by the stage that makes it.
    As in the folder, a record is removed before its partition changes and written after it, so that
    it never describes a partition that does not exist. A partition is downloaded only when it is
    read.

    Args:
        store: The store.
    """

    store: Store = field(kw_only=True)

    @property
    def is_complete(self) -> bool:
        """Whether the last stage finished, and the store has the records of all its partitions."""
        listed = set(self.store.names(self.folder))
        try:
            return self.index in listed and listed.issuperset(map(self._record, self.read_index()))
        except ValueError:
            return False

    @property
    def finished(self) -> int:
        """Number of finished partitions, whether the artefact is complete or not."""
        recorded = [path for path in self.store.names(self.folder) if path.suffix == ".json"]
        return max(super().finished, len(recorded))

    def read_index(self) -> list[str]:
        """Return the classes of a complete artefact, in order; see `Manifest`."""
        self.store.fetch([self.index])
        return super().read_index()

    def read_records(self, wnids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the records of some partitions, see `Manifest`."""
        kept = self._kept(wnids)
        return {wnid: kept.get(wnid) or self.read_record(wnid) for wnid in wnids}

    def read(self, read: Callable[[Path], Any], wnid: str, content: str) -> Any:
        """Read a partition; download it if it is not here or has changed.

        Raises:
            DatasetError: If it is neither here nor in the store, or has changed since it was made.
        """
        try:
            return super().read(read, wnid, content)
        except DatasetError:
            self.get(wnid, content)
            return super().read(read, wnid, content)

    def get(self, wnid: str, content: str) -> None:
        """Download a partition and its record, in place of those in the folder.

        Args:
            wnid: The class.
            content: Expected digest of its files. If the store has other files, they are not used,
                and the record is removed from the store, so that the stage makes the partition
                again.
        """
        path, record = self.path_of(wnid), self._record(wnid)

        def put(arrived: Path) -> None:
            if file_digest(files_of(arrived)) == content:
                record.unlink(missing_ok=True)
                remove(path)
                arrived.replace(path)
                self.store.fetch([record])

        # Another process on this machine may have put the partition there at the same moment.
        with contextlib.suppress(OSError):
            self.store.download(path, put)
        if not self.is_here(wnid, content):
            self.store.remove([record])

    def is_here(self, wnid: str, content: str) -> bool:
        """Return whether the folder has the partition with this digest of its files."""
        try:
            return file_digest(files_of(self.path_of(wnid))) == content
        except OSError:
            return False

    def get_all(self) -> None:
        """Download the partitions of a complete artefact that are not in the folder."""
        if self.store.read(self.index) is not None:
            for wnid, record in self._kept(self.read_index()).items():
                if not self.is_here(wnid, record["content"]):
                    self.get(wnid, record["content"])

    def order(self, wnids: Sequence[str]) -> list[str]:
        """Return some classes in random order, so that machines begin with different ones."""
        return random.SystemRandom().sample(wnids, len(wnids))

    def find_all(self, fingerprints: Mapping[str, str]) -> dict[str, Found]:
        """Return what exists of some partitions; upload those that are only in the folder.

        Args:
            fingerprints: wnid -> identity of what the partition would be made from now.
        """
        kept = self._kept(list(fingerprints))
        valid = {w: of for w, of in kept.items() if of["fingerprint"] == fingerprints[w]}
        here = super().find_all({w: of for w, of in fingerprints.items() if w not in valid})
        for wnid, found in here.items():
            if found.record is not None:
                self._put(wnid)
        return {w: Found(valid[w]) if w in valid else here[w] for w in fingerprints}

    def keep(
        self,
        wnid: str,
        made: Made,
        origin: Origin,
        seconds: float,
        peak_memory_mb: float,
        write: Callable[[Path, Any], None],
    ) -> None:
        """Write a partition and its record to the folder and to the store; see `Manifest`.

        If another machine has stored the same partition meanwhile, that one is kept.
        """
        super().keep(wnid, made, origin, seconds, peak_memory_mb, write)
        known = self._kept([wnid]).get(wnid, {})
        if any(known.get(fact) != asdict(origin)[fact] for fact in SAME):
            self._put(wnid)

    def reopen(self) -> None:
        """Mark the artefact as incomplete; without a selection, all selections too."""
        # Remove it from the store first: readers take the index from there.
        names = (path for path in self.store.names(self.folder) if path.suffix != ".json")
        known = [path for path in names if path.name.startswith(INDEX)]
        stay = self.selection is not None
        self.store.remove([path for path in known if path == self.index or not stay])
        super().reopen()

    def close(self, wnids: Sequence[str]) -> None:
        """Mark the artefact as complete, with these classes."""
        super().close(wnids)
        self.store.upload([self.index])

    def forget_others(self, wnids: Collection[str]) -> None:
        """Remove the partitions of all other classes, unless another selection may need them."""
        super().forget_others(wnids)
        if self.selection is not None:
            return
        for record in self.store.names(self.folder):
            if record.suffix == ".json" and record.stem not in wnids:
                self.store.remove([record])
                self.store.remove(self.store.names(self.path_of(record.stem)))

    def _put(self, wnid: str) -> None:
        record, path = self._record(wnid), self.path_of(wnid)
        files = files_of(path)
        self.store.remove([record])
        self.store.remove([old for old in self.store.names(path) if old not in files])
        self.store.upload(files)
        self.store.upload([record])

    def _kept(self, wnids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the valid records that the store has of some classes."""
        texts = self.store.read_all(map(self._record, wnids))
        found = {}
        for path, text in texts.items():
            with contextlib.suppress(ValueError, TypeError):
                found[path.stem] = check_record(path, json.loads(text))
        return found
