"""Labelled images from any supported source, read one class at a time."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.bad_images import check_bad_images, tell_bad_images
from mgd3_kedro.datasets.class_names import match_classes, read_specs
from mgd3_kedro.datasets.image_index import (
    ClassIndex,
    IndexedClass,
    KeptIndex,
    Portion,
    index_path,
    listing_digest,
    make_index,
)
from mgd3_kedro.datasets.own_split import SEED
from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.datasets.sources import ColumnNames, Entry, Listing, Source
from mgd3_kedro.datasets.split_images import Opened, has_images, open_split
from mgd3_kedro.datasets.thumbnails import LEAKS
from mgd3_kedro.durable import write_text
from mgd3_kedro.stages import Partition

logger = logging.getLogger(__name__)

WHOLE = "all"
"""Name of the index folder of images that this project splits."""


class LabelledImagesDataset(ReadOnlyDataset[dict[str, Partition]]):
    """Images of a benchmark's classes, read in place and never all in memory at once.

    The source is a folder of class folders, a zip or tar archive of such a folder, a folder within
    an archive, parquet files, or Arrow files. Classes that the benchmark does not have are ignored.
    Every image is read and decoded once for the index. An interrupted index is completed, and only
    classes whose listing (names, sizes, times) has changed are indexed again. Images without split
    folders, such as `train`, are split by this project.

    Args:
        source: Path of the images.
        index: Folder of the index; every source needs its own.
        image_size: Side S of the decoded images in pixels.
        classes: Class table of the benchmark; None to take the classes of the source, sorted.
        part: Start and end of the share of each class that is used, 0 to 1.
        bad_images: "stop" to refuse files that are not images, "skip" to leave them out.
        leaks: How test images are searched for among train images, one of `LEAKS`.
        jobs: Number of processes that index; -1 for one per core.
        columns: Names of the columns `images` and `classes` in tables; without a name a column is
            found automatically.
        root: Folder that relative paths start from.
        if_missing: Advice for the error message if the source does not exist.
        metadata: Ignored by Kedro; read by plugins.

    Raises:
        DatasetError: If a setting is not valid; the message names it.
    """

    def __init__(
        self,
        *,
        source: str,
        index: str,
        image_size: int,
        classes: str | None = None,
        part: Sequence[float] = (0.0, 1.0),
        bad_images: str = "stop",
        leaks: str = "pixels",
        jobs: int = 1,
        columns: Mapping[str, Any] | None = None,
        root: str = ".",
        if_missing: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if len(part) != 2 or not 0 <= part[0] < part[1] <= 1:
            raise DatasetError(f"part: expected 0 <= first < stop <= 1, got {list(part)}")
        check_bad_images(bad_images)
        if leaks not in LEAKS:
            raise DatasetError(f"leaks: expected one of {', '.join(LEAKS)}, got {leaks!r}")
        if not isinstance(image_size, int) or image_size < 1:
            raise DatasetError(f"image_size: expected a whole number of pixels, got {image_size!r}")
        if not isinstance(jobs, int) or (jobs < 1 and jobs != -1):
            raise DatasetError(f"jobs: expected a number of processes, or -1, got {jobs!r}")
        self._path = Path(root, Path(source).expanduser())
        self._index = Path(root, index)
        self._image_size = image_size
        self._table = Path(root, classes) if classes else None
        self._part = Portion(part[0], part[1])
        self._bad_images = bad_images
        self._leaks = leaks
        self._jobs = jobs
        self._columns = ColumnNames.of(columns)
        self._if_missing = if_missing
        self.metadata = metadata
        self._loaded: dict[str, Partition] | None = None

    def load(self) -> dict[str, Partition]:
        """Return wnid -> partition of its images, in the order of the class table.

        A partition loads `LazyImages`, (N, 3, S, S), uint8; its rows have file and digest.

        Raises:
            DatasetError: If the source does not exist, lacks a class, or has bad images and
                `bad_images` is "stop".
        """
        if self._loaded is None:
            try:
                self._loaded = self._read()
            except (ValueError, OSError) as error:
                advice = f"; {self._if_missing}" if self._if_missing and not self._exists() else ""
                raise DatasetError(f"{error}{advice}") from error
        return dict(self._loaded)

    def _exists(self) -> bool:
        return has_images(self._path, self._columns)

    def _release(self) -> None:
        self._loaded = None

    def _describe(self) -> dict[str, Any]:
        return {
            "source": str(self._path),
            "index": str(self._index),
            "classes": str(self._table) if self._table else None,
            "image_size": self._image_size,
            "part": [self._part.first, self._part.stop],
        }

    def _read(self) -> dict[str, Partition]:
        opened = open_split(self._path, self._columns)
        wanted = self._wanted(opened.classes)
        indexed = self._indexed(opened, wanted)
        bad = [error for wnid in wanted for error in indexed[wnid][1]]
        tell_bad_images(opened.place, bad, self._bad_images)
        found = {wnid: indexed[wnid][0] for wnid in wanted}
        if opened.side is not None:
            self._tell_side(opened.place, opened.side, found)
        elif opened.place != self._path:
            logger.info(
                "%s: no classes of images there; images are read from %s",
                *(self._path, opened.place),
            )
        return found

    def _wanted(self, found: Mapping[str, Listing]) -> dict[str, Listing]:
        """Return wnid -> function that lists its images, for the classes of the benchmark."""
        if self._table is None:
            if not found:
                raise DatasetError(
                    f"expected classes of images in {self._path}, found none: images need a folder "
                    "per class, or a list of their names and classes, such as labels.csv"
                )
            return dict(found)
        specs = read_specs(self._table)
        names = match_classes(specs, list(found))
        if missing := [spec for spec in specs if spec.wnid not in names]:
            first = missing[0]
            asked = (first.wnid, first.class_name)
            near = [n for name in asked for n in difflib.get_close_matches(name, found, n=3)]
            known = f"nearest: {', '.join(near)}" if near else f"it has {_first_of(list(found))}"
            raise DatasetError(
                f"{self._path}: expected the {len(specs)} classes of {self._table}, {len(missing)} "
                f"are missing: first {first.wnid} ({first.class_name}); {known}"
            )
        return {spec.wnid: found[names[spec.wnid]] for spec in specs}

    def _indexed(
        self, opened: Opened, wanted: Mapping[str, Listing]
    ) -> dict[str, tuple[Partition, list[str]]]:
        """Index what is not indexed yet, and return wnid -> partition and messages on bad files."""
        from joblib import Parallel, delayed

        part = replace(self._part, side=opened.side)
        # Both sides of the project's own split share one index.
        folder = self._index if opened.side is None else self._index.with_name(WHOLE)
        indexed: dict[str, tuple[Partition, list[str]]] = {}
        waiting: dict[str, IndexedClass] = {}

        def pending() -> Iterator[Any]:
            for wnid, listed in wanted.items():
                entries = listed()
                index = ClassIndex(index_path(folder, wnid), listing_digest(entries))
                images = IndexedClass(opened.source, index, part)
                kept = index.read()
                if kept is None or self._is_incomplete(kept):
                    waiting[wnid] = images
                    yield delayed(_index_class)(wnid, opened.source, entries, index)
                else:
                    indexed[wnid] = images.summary(self._image_size, kept, self._leaks)

        parallel = Parallel(n_jobs=self._jobs, return_as="generator_unordered")
        for wnid, good, bad in parallel(pending()):
            kept = waiting[wnid].kept()
            indexed[wnid] = waiting[wnid].summary(self._image_size, kept, self._leaks)
            logger.info(
                "%s: indexed %s, %d images%s (%d of %d classes)",
                opened.place,
                wnid,
                good,
                f", {bad} bad" if bad else "",
                len(indexed),
                len(wanted),
            )
        return indexed

    def _tell_side(self, place: Path, side: str, found: Mapping[str, Partition]) -> None:
        """Log that this project splits the images, and write a list of those on this side.

        Raises:
            ValueError: If a class has no image on this side, of which all are asked for.
        """
        lacking = [wnid for wnid, part in found.items() if not part.count]
        if lacking and self._part == Portion(0, 1):
            raise ValueError(
                f"{place}: expected at least two different images in every class, to split them, "
                f"got fewer in {_first_of(lacking)}"
            )
        lines = [f"{wnid}\t{row['file']}\n" for wnid, part in found.items() for row in part.rows]
        listed = self._index.with_name(f"{self._path.name}.tsv")
        text = "".join(lines)
        if not listed.is_file() or listed.read_text(encoding="utf-8") != text:
            write_text(listed, text)
        logger.info(
            "%s has no split %s: %d of its images serve as %s images, chosen in every class "
            "with seed %d, with copies of an image in the same split; listed in %s",
            *(place, self._path.name, len(lines), side, SEED, listed),
        )

    def _is_incomplete(self, kept: KeptIndex) -> bool:
        """Return whether an index lacks information that is needed."""
        # A file that could not be opened before may be readable now.
        unread = any(record.get("unread") for record in kept.records)
        return unread or (self._leaks != "off" and kept.looks is None)


def _first_of(names: Sequence[str], count: int = 5) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return (", ".join(names[:count]) or "none") + more


def _index_class(
    wnid: str, source: Source, entries: Sequence[Entry], index: ClassIndex
) -> tuple[str, int, int]:
    """Index a class, and return its name with the counts: results arrive in any order."""
    return wnid, *make_index(source, entries, index)
