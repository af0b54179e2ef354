"""Images that exist already, made by this project or by others, in any supported form."""

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
from mgd3_kedro.datasets.sources import ColumnNames, Entry, Source, open_source
from mgd3_kedro.datasets.sources.tensors import find_tensors
from mgd3_kedro.datasets.stored import fetch_kept, open_store
from mgd3_kedro.datasets.whole_images import WholeImages, content_digest, in_order
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.stages import GIVEN, Partition

Read = tuple[Partition, list[str]]
"""A class, and one message per bad file."""
MADE_BY = "kedro run --pipelines=generate"
"""Command that makes the images of a method."""


class GivenImagesDataset(ReadOnlyDataset[dict[str, Partition]]):
    """Images that exist already, at their own size, a few per class; read only.

    They are read like real images: from a folder of class folders, an archive of such a folder,
    parquet files or Arrow files. They may also be tensors in safetensors files. From a folder that
    this project made, the records of the images are read too.

    Args:
        filepath: Path of the images.
        made_by: Command that makes them; None if they come from somebody else.
        classes: Class table of the benchmark, to match classes by name or label; None to use the
            folder names alone.
        bad_images: "stop" to refuse files that are not images, "skip" to leave them out.
        columns: Names of the columns `images` and `classes` in tables; without a name a column is
            found automatically.
        root: Folder that a relative class table starts from.
        store: Fields of the `Store` from which images of this project are fetched; None for no
            store.
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
        columns: Mapping[str, Any] | None = None,
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
        self._columns = ColumnNames.of(columns, "images_columns")
        self.metadata = metadata
        self._read: dict[str, tuple[str, Read]] = {}
        self._told: list[str] = []

    def load(self) -> dict[str, Partition]:
        """Return wnid -> partition, sorted; classes that are not in the table keep their own names.

        Raises:
            DatasetError: If there are no images, or some files are not images and `bad_images` is
                "stop".
        """
        try:
            fetch_kept(self._path, self._store)
            source = self._open()
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
            tell_bad_images(self._path, bad, self._bad_images, self._made_by)
            # A run loads this several times (for checks and for every node) but should warn once.
            self._told = bad
        return {wnid: partition for wnid, (partition, _) in read.items()}

    def _exists(self) -> bool:
        # Errors of the store pass: they do not mean that there are no images.
        fetch_kept(self._path, self._store)
        try:
            self._open()
        except (ValueError, OSError):
            return False
        return True

    def _release(self) -> None:
        self._read = {}

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

    def _open(self) -> Source:
        if self._made_by and not self._path.exists():
            raise ValueError(
                f"expected the images of this method at {self._path}, found none; make them "
                f"first, with the same --env and --params: {self._made_by}; or use other images "
                "with --params images=FOLDER,method=NAME, where NAME is one of your own"
            )
        return find_tensors(self._path) or open_source(self._path, self._columns)

    def _named(self, found: Mapping[str, Any]) -> dict[str, str]:
        """Return wnid -> name in the source."""
        specs = read_specs(self._table) if self._table else ()
        named = match_labels(specs, list(found)) or match_classes(specs, list(found))
        return named | {name: name for name in found if name not in named.values()}

    def _class(self, source: Source, name: str, listed: Callable[[], Sequence[Entry]]) -> Read:
        """Return a class of the source; it is read again only if its listing has changed."""
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
    """Return a class that this project made, with its record; None for all other classes."""
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
    """Return a class of images that this project did not make."""
    found = describe_images(source, entries)
    good = [i for i, record in enumerate(found.records) if "error" not in record]
    content = content_digest(name, {entries[i].name: found.records[i]["digest"] for i in good})
    # Files that are not plain used to give other pixels, so they need another digest now.
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
