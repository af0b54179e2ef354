"""Images that someone else made, in whichever form they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.bad_images import check_bad_images, tell_bad_images
from mgd3_kedro.datasets.class_names import match_classes, match_labels, read_specs
from mgd3_kedro.datasets.decoding import VERSION
from mgd3_kedro.datasets.image_descriptions import describe_images
from mgd3_kedro.datasets.image_index import listing_digest
from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.datasets.sources import Entry, Source, open_source
from mgd3_kedro.datasets.sources.tensors import find_tensors
from mgd3_kedro.datasets.stored import bring, open_store
from mgd3_kedro.datasets.whole_images import WholeImages, content_digest, in_order
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.stages import GIVEN, Partition

Read = tuple[Partition, list[str]]
"""A class, and what is wrong with which of its files."""


class GivenImagesDataset(ReadOnlyDataset[dict[str, Partition]]):
    """Images at their own size, a few of each class; read only.

    They are read as real images are, from a folder of class folders, an archive of one, parquet or
    Arrow files, and from tensors in safetensors files too. Of a folder that this project made, what
    it wrote down about the images is read with them.

    Args:
        filepath: Where the images are.
        made_by: The command that makes them; None where somebody else did.
        classes: Class table of the benchmark, to find classes by their names or labels; None where
            they go by folder name alone.
        bad_images: "stop" to refuse files that are no images, "skip" to leave them out.
        root: What a relative class table starts from.
        store: Fields of `Store`, where images of this project are got from; None for none.
        metadata: Ignored by Kedro; read by plugins.

    Raises:
        DatasetError: If `bad_images` is unknown.
    """

    def __init__(
        self,
        *,
        filepath: str,
        made_by: str | None = None,
        classes: str | None = None,
        bad_images: str = "stop",
        root: str = ".",
        store: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        check_bad_images(bad_images)
        self._path = Path(filepath)
        self._made_by = made_by
        self._store = open_store(store)
        self._table = Path(root, classes) if classes else None
        self._bad_images = bad_images
        self.metadata = metadata
        self._read: dict[str, tuple[str, Read]] = {}
        self._told: list[str] = []

    def load(self) -> dict[str, Partition]:
        """Return wnid -> partition, in sorted order; of other classes, the name that they have.

        Raises:
            DatasetError: If there are no such images, or some files are no images.
        """
        try:
            source = self._source()
            found = source.classes()
            if not found:
                raise ValueError(f"expected classes of images in {self._path}, found none")
            read = {
                wnid: self._class(source, name, found[name])
                for wnid, name in sorted(self._named(found).items())
            }
        except (ValueError, OSError) as error:
            raise DatasetError(str(error)) from error
        bad = [error for _, errors in read.values() for error in errors]
        if bad != self._told:
            tell_bad_images(self._path, bad, self._bad_images)
            # A run loads this several times: for checks, and for every node.
            self._told = bad
        return {wnid: partition for wnid, (partition, _) in read.items()}

    def _exists(self) -> bool:
        try:
            self._source()
        except (ValueError, OSError):
            return False
        return True

    def _release(self) -> None:
        self._read = {}

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

    def _source(self) -> Source:
        bring(self._path, self._store)
        if self._made_by and not self._path.exists():
            raise ValueError(
                f"expected the images of this method at {self._path}, found none; make them first, "
                f"with the same --env and --params: {self._made_by}; or name those of others with "
                "--params images=FOLDER"
            )
        return find_tensors(self._path) or open_source(self._path)

    def _named(self, found: Mapping[str, Any]) -> dict[str, str]:
        """Return wnid -> name in the source."""
        specs = read_specs(self._table) if self._table else ()
        named = match_labels(specs, list(found)) or match_classes(specs, list(found))
        return named | {name: name for name in found if name not in named.values()}

    def _class(self, source: Source, name: str, listed: Callable[[], Sequence[Entry]]) -> Read:
        """Return a class of the source, which is looked at again only if its listing is another."""
        entries = in_order(listed())
        listing = listing_digest(entries)
        if name not in self._read or self._read[name][0] != listing:
            known = _made_here(self._path, source, name, entries)
            read = (known, []) if known else _given(source, name, entries)
            self._read[name] = listing, read
        return self._read[name][1]


def _made_here(
    path: Path, source: Source, name: str, entries: tuple[Entry, ...]
) -> Partition | None:
    """Return a class that this project made, with what it wrote down; None if it is no such."""
    images = WholeImages(source, entries)
    try:
        kept = Manifest(path).read_record(name)
        content = content_digest(name, dict(zip(_names(entries), images.digests(), strict=True)))
    except (OSError, ValueError):
        return None
    if kept["content"] != content:
        return None
    return Partition(
        images.load,
        content,
        count=len(entries),
        rows=tuple(kept["rows"]),
        configuration=kept["configuration"],
        environment=kept["environment"],
        command=kept["command"],
    )


def _given(source: Source, name: str, entries: tuple[Entry, ...]) -> Read:
    """Return a class of images that nothing here has made."""
    found = describe_images(source, entries)
    good = [i for i, record in enumerate(found.records) if "error" not in record]
    content = content_digest(name, {entries[i].name: found.records[i]["digest"] for i in good})
    # Before files of these kinds were read as real images are, they gave other pixels.
    known = content if found.plain else digest("given images", str(VERSION), content)
    images = WholeImages(source, tuple(entries[i] for i in good))
    bad = [
        f"{source.where(record['file'])}: {record['error']}"
        for record in found.records
        if "error" in record
    ]
    return Partition(images.load, known, count=len(good), configuration=GIVEN), bad


def _names(entries: Sequence[Entry]) -> list[str]:
    return [entry.name for entry in entries]
