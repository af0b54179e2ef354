"""Partitions that a store keeps beside the folder of this machine, which gets what it needs."""

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
"""Facts of two records that were made from the same with the same."""


def open_store(fields: Mapping[str, Any] | None) -> Store | None:
    """Return what a catalog entry calls its store, if it has one."""
    return Store(str(fields["url"]), Path(str(fields["root"]))) if fields else None


def open_manifest(
    artefact: Path, store: Store | None, suffix: str, selection: str | None
) -> Manifest:
    """Return the manifest of a folder, which a store keeps too if it is one of the project.

    Args:
        artefact: The folder.
        store: If there is one.
        suffix: Of a partition.
        selection: See `Manifest`.
    """
    if store is None or not store.holds(artefact):
        return Manifest(artefact, suffix, selection)
    return StoredManifest(artefact, suffix, selection, store=store)


def bring(place: Path, store: Store | None) -> None:
    """Have a file, or all of a complete artefact, in the folder as the store has it.

    Args:
        place: Its place; nothing happens where the store has nothing of it.
        store: If there is one.
    """
    if store is not None and store.holds(place):
        StoredManifest(place, store=store).get_all()
        store.fetch([place])


def bring_below(folder: Path, store: Store | None, is_asked: Callable[[Path], bool]) -> None:
    """Have some files below a folder there as the store has them.

    Args:
        folder: The folder.
        store: If there is one.
        is_asked: Tells which files.
    """
    if store is not None and store.holds(folder):
        store.fetch(filter(is_asked, store.names(folder)))


@dataclass(frozen=True)
class StoredManifest(Manifest):
    """The same, with every partition, its record and the index in a store, too.

    What the store says counts; what is in the folder alone is put there by the stage that makes it.
    As in the folder, a record is taken back before its partition changes and written after it, so
    that it never speaks for what is not there. A partition is got when it is read, not before.

    Args:
        store: Where.
    """

    store: Store = field(kw_only=True)

    @property
    def is_complete(self) -> bool:
        """Whether the last stage came to its end, and all that it made is still recorded."""
        listed = set(self.store.names(self.folder))
        try:
            return self.index in listed and listed.issuperset(map(self._record, self.read_index()))
        except ValueError:
            return False

    @property
    def finished(self) -> int:
        """Number of partitions there are, complete or not."""
        recorded = [path for path in self.store.names(self.folder) if path.suffix == ".json"]
        return max(super().finished, len(recorded))

    def read_index(self) -> list[str]:
        """Return the classes of a complete artefact, in order; see `Manifest`."""
        self.store.fetch([self.index])
        return super().read_index()

    def read_records(self, wnids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what is written down about some partitions, see `Manifest`."""
        kept = self._kept(wnids)
        return {wnid: kept.get(wnid) or self.read_record(wnid) for wnid in wnids}

    def read(self, read: Callable[[Path], Any], wnid: str, content: str) -> Any:
        """Read a partition, which is got from the store if it is not here.

        Raises:
            DatasetError: If it is neither here nor there, or was changed since.
        """
        try:
            return super().read(read, wnid, content)
        except DatasetError:
            self.get(wnid, content)
            return super().read(read, wnid, content)

    def get(self, wnid: str, content: str) -> None:
        """Get a partition and its record from the store, in the place of what is here.

        Args:
            wnid: The class.
            content: Digest of its files. Another is not taken, and its record is removed from the
                store, so that the stage makes it anew.
        """
        path, record = self.path_of(wnid), self._record(wnid)

        def put(arrived: Path) -> None:
            if file_digest(files_of(arrived)) == content:
                record.unlink(missing_ok=True)
                remove(path)
                arrived.replace(path)
                self.store.fetch([record])

        # Another process of this machine may have put it there at the same moment.
        with contextlib.suppress(OSError):
            self.store.download(path, put)
        if not self.is_here(wnid, content):
            self.store.remove([record])

    def is_here(self, wnid: str, content: str) -> bool:
        """Tell whether a partition is in the folder, with this digest of its files."""
        try:
            return file_digest(files_of(self.path_of(wnid))) == content
        except OSError:
            return False

    def get_all(self) -> None:
        """Have all partitions of a complete artefact in the folder."""
        if self.store.read(self.index) is not None:
            for wnid, record in self._kept(self.read_index()).items():
                if not self.is_here(wnid, record["content"]):
                    self.get(wnid, record["content"])

    def order(self, wnids: Sequence[str]) -> list[str]:
        """Return some classes in any order: machines that make the same have others first."""
        return random.SystemRandom().sample(wnids, len(wnids))

    def find_all(self, fingerprints: Mapping[str, str]) -> dict[str, Found]:
        """Return what is there of some partitions; what is here alone is put into the store.

        Args:
            fingerprints: wnid -> identity of what it would be made from.
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
        """Write a partition and its record, here and into the store; see `Manifest`.

        Where another machine has put the same there meanwhile, that one stays.
        """
        super().keep(wnid, made, origin, seconds, peak_memory_mb, write)
        known = self._kept([wnid]).get(wnid, {})
        if any(known.get(fact) != asdict(origin)[fact] for fact in SAME):
            self._put(wnid)

    def reopen(self) -> None:
        """Say that the artefact is not complete, nor any selection that will not stay."""
        # First there: what reads the index takes it from there.
        names = (path for path in self.store.names(self.folder) if path.suffix != ".json")
        known = [path for path in names if path.name.startswith(INDEX)]
        stay = self.selection is not None
        self.store.remove([path for path in known if path == self.index or not stay])
        super().reopen()

    def close(self, wnids: Sequence[str]) -> None:
        """Say that the artefact is complete, and consists of these classes."""
        super().close(wnids)
        self.store.upload([self.index])

    def forget_others(self, wnids: Collection[str]) -> None:
        """Remove partitions of classes not among these, unless another selection may want them."""
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
        """Return the records that the store has of some classes."""
        texts = self.store.read_all(map(self._record, wnids))
        found = {}
        for path, text in texts.items():
            with contextlib.suppress(ValueError, TypeError):
                found[path.stem] = check_record(path, json.loads(text))
        return found
