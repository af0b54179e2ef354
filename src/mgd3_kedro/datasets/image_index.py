"""Index of the images of a source: every image is read once; one JSON file per class."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from mgd3_kedro.datasets.decoding import LOOK_SIDE, VERSION
from mgd3_kedro.datasets.image_descriptions import Described, Record, describe_images
from mgd3_kedro.datasets.image_reader import ImageReader
from mgd3_kedro.datasets.own_split import numbers_of_side
from mgd3_kedro.datasets.sources.base import Entry, Source
from mgd3_kedro.durable import read_json, write_json
from mgd3_kedro.fingerprint import digest
from mgd3_kedro.stages import GIVEN, RESIZED, Partition

if TYPE_CHECKING:
    import numpy as np

    from mgd3_kedro.images import LazyImages

LONGEST_NAME = 200
"""Maximum length of a quoted class name in the name of an index; the rest becomes a digest."""


class KeptIndex(NamedTuple):
    """Content of an index.

    Args:
        records: One record per image, in the order of the listing.
        looks: Small grey pictures of the images, `LOOK_SIDE ** 2` bytes each; None in an index from
            before they were stored.
    """

    records: list[Record]
    looks: bytes | None

    def pictures(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the small grey pictures, (N, LOOK_SIDE, LOOK_SIDE), uint8; N = 0 if unknown."""
        import numpy as np

        return np.frombuffer(self.looks or b"", np.uint8).reshape(-1, LOOK_SIDE, LOOK_SIDE)


@dataclass(frozen=True)
class ClassIndex:
    """Index file of one class; its content is not kept in memory.

    Args:
        path: Path of the file.
        listing: Identity of the listing that the index was made from.
    """

    path: Path
    listing: str

    def read(self) -> KeptIndex | None:
        """Return the content of the index; None if it is missing or out of date."""
        try:
            kept = read_json(self.path, dict)
            fresh = kept["version"] == VERSION and kept["listing"] == self.listing
            looks = base64.b64decode(kept["looks"]) if "looks" in kept else None
            known = all({"digest", "error"} & {*record} for record in kept["images"])
            return KeptIndex(list(kept["images"]), looks) if fresh and known else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, images: Described) -> None:
        """Write the records and looks."""
        # Two runs may index the same images at the same time; each file is replaced atomically.
        content = {
            "version": VERSION,
            "listing": self.listing,
            "looks": base64.b64encode(images.looks).decode(),
            "images": images.records,
        }
        write_json(self.path, content)


@dataclass(frozen=True)
class Portion:
    """A share of every class, in the order of its listing.

    Args:
        first: Start of the share, 0 to 1.
        stop: End of the share, 0 to 1.
        side: Side of the project's own split from which the share is taken; None without such a
            split.
    """

    first: float
    stop: float
    side: str | None = None

    def numbers(self, kept: KeptIndex) -> Sequence[int]:
        """Return the numbers of the images; adjacent shares neither overlap nor leave a gap."""
        side: Sequence[int] = range(len(kept.records))
        if self.side is not None:
            side = numbers_of_side(self.side, kept.records, kept.pictures())
        return side[round(self.first * len(side)) : round(self.stop * len(side))]

    def of(self, kept: KeptIndex) -> list[Record]:
        """Return the records of the images in the share."""
        return [kept.records[number] for number in self.numbers(kept)]


@dataclass(frozen=True)
class IndexedClass:
    """Images of one class that are used.

    Args:
        source: Source of the images.
        index: Index of the class.
        part: Share of the class that is used.
    """

    source: Source
    index: ClassIndex
    part: Portion

    def kept(self) -> KeptIndex:
        """Return the index of the whole class.

        Raises:
            ValueError: If the index is missing or has changed.
        """
        kept = self.index.read()
        if kept is None:
            raise ValueError(
                f"{self.index.path}: expected the index that was written, found none or a changed "
                "one; run again, and give runs of other images another --params benchmark=NAME"
            )
        return kept

    def good(self) -> list[Record]:
        """Return the records of the images that are used."""
        return [record for record in self.part.of(self.kept()) if "error" not in record]

    def load(self, image_size: int) -> LazyImages:
        """Return the images, (N, 3, S, S), uint8; they are decoded when accessed."""
        from mgd3_kedro.images import LazyImages

        # Keep only entries and digests: the records are several times as large.
        known = [(_entry(record), record["digest"]) for record in self.good()]
        reader = ImageReader(self.source, known, image_size)
        return LazyImages(reader, len(known), image_size, reader.resized_once)

    def summary(self, image_size: int, kept: KeptIndex, leaks: str) -> tuple[Partition, list[str]]:
        """Return the class as a partition, and one message per bad file."""
        used = self.part.of(kept)
        good = [record for record in used if "error" not in record]
        contents = [record["digest"] for record in good]
        # Only resized images need the mark; without it, fingerprints of all others stay as they
        # were.
        resized = [RESIZED] if any(min(one["pixels"]) != image_size for one in good) else []
        partition = Partition(
            partial(self.load, image_size),
            digest("labelled images", str(VERSION), str(image_size), *resized, *contents),
            count=len(contents),
            rows=IndexRows(self, len(contents), leaks),
            configuration=GIVEN,
        )
        bad = [
            f"{self.source.where(record['file'])}: {record['error']}"
            for record in used
            if "error" in record
        ]
        return partition, bad


@dataclass(frozen=True, eq=False)
class IndexRows(Sequence[Mapping[str, Any]]):
    """File and digest of every good image, read from the index when accessed.

    Args:
        images: The class.
        length: Number of its good images.
        leaks: How these images are searched for in other sets, one of `LEAKS`.
    """

    images: IndexedClass
    length: int
    leaks: str

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for record in self.images.good():
            yield {"file": record["file"], "digest": record["digest"]}

    def __getitem__(self, number: Any) -> Any:
        return list(self)[number]

    def looks(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return the small grey pictures, (length, LOOK_SIDE, LOOK_SIDE), uint8."""
        kept = self.images.kept()
        used = self.images.part.numbers(kept)
        return kept.pictures()[[number for number in used if "error" not in kept.records[number]]]


def index_path(folder: Path, wnid: str) -> Path:
    """Return the path of a class's index; characters that file names cannot have are quoted."""
    name = quote(wnid, safe=" ", errors="surrogateescape")
    # A character of many scripts has nine when it is quoted.
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}~{digest(name)[:16]}"
    return folder / f"{name}.json"


def listing_digest(entries: Sequence[Entry]) -> str:
    """Return the identity of a listing: names, sizes, places, times."""
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def make_index(source: Source, entries: Sequence[Entry], index: ClassIndex) -> tuple[int, int]:
    """Read and decode every image of a class once, and write the index.

    Returns:
        Number of good images and number of bad images.
    """
    described = describe_images(source, entries)
    index.write(described)
    bad = sum("error" in record for record in described.records)
    return len(entries) - bad, bad


def _entry(record: Record) -> Entry:
    return Entry(record["file"], record["size"], tuple(record["place"]), ())
