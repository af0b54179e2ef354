"""Tar archives beside each other: shards as WebDataset writes them, or one archive per class.

Format of shards: https://github.com/webdataset/webdataset (files of a sample have one name up to
the first dot).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from mgd3_kedro.datasets.class_folders import are_classes
from mgd3_kedro.datasets.sources.base import Entry, is_hidden, is_image_name, printable, stamp_of
from mgd3_kedro.datasets.sources.columns import (
    AUTOMATIC,
    LABEL_COLUMNS,
    ColumnNames,
)
from mgd3_kedro.datasets.sources.numbered_classes import NO_CLASS, listed_names, name_of_class
from mgd3_kedro.datasets.sources.splits import files_of, split_files, split_of
from mgd3_kedro.datasets.sources.tarred import (
    TarReader,
    TarSource,
    problem_of,
    told_apart,
    walk,
)
from mgd3_kedro.datasets.sources.untold import CLASS, FIELDS, Untold, by_folder, has_folders

LARGEST = 2**20
"""Maximum size of such a file in bytes; a larger one is not read."""


@dataclass
class _Sample:
    """Files of a shard with one name up to the first dot.

    Args:
        folders: Folders in the archive, the outer one first; empty at the top.
        images: Suffix -> image.
        notes: Suffix -> content of a file that may tell the class.
        others: Suffixes of the other files.
    """

    folders: tuple[str, ...]
    images: dict[str, Entry] = field(default_factory=dict)
    notes: dict[str, bytes] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ShardSource:
    """Tar archives whose images belong to the class that a file beside each image tells.

    Without such files, images belong to the class that their folder is called after, or else their
    archive. A folder that all images are in is no class.

    Args:
        files: The archives, in order.
        columns: Names that the user gives: for images a suffix; for classes a suffix, or a field of
            the JSON object of each sample.
    """

    named_by_folders: ClassVar = False

    files: tuple[Path, ...]
    columns: ColumnNames = AUTOMATIC

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return class name -> function that lists its images, in the order of the archives.

        Raises:
            ValueError: If an archive is damaged, or the class or image of a sample is not clear.
        """
        names = listed_names(self.files[0].parent)
        found: dict[str, dict[str, Entry]] = {}
        untold: list[Untold] = []
        ways = set()
        for number, file in enumerate(self.files):
            with told_apart(f"{file}: expected a tar archive"):
                samples = self._samples(number)
            try:
                labels = self._labels(samples)
                ways.add(bool(labels))
                if len(ways) > 1:
                    raise ValueError(
                        f"expected a class for each image of all archives, in KEY.{CLASS} or in "
                        f"KEY.{FIELDS}, or for none, got archives with and without"
                    )
                for key, label in labels.items():
                    if label not in NO_CLASS:
                        entry = self._image(key, samples[key].images)
                        found.setdefault(name_of_class(label, names), {})[entry.name] = entry
            except ValueError as error:
                raise ValueError(f"{file}: {error}") from error
            if not labels:
                # Files that share the start of their names do not belong together here.
                untold += [
                    Untold(file, sample.folders, entry)
                    for sample in samples.values()
                    for entry in sample.images.values()
                ]
        for wnid, entry in by_folder(untold, self.files):
            found.setdefault(wnid, {})[entry.name] = entry
        listed = {wnid: [*images.values()] for wnid, images in found.items()}
        if untold and len(listed) > 1 and not are_classes(listed):
            return {}
        return {wnid: partial(list, listed[wnid]) for wnid in sorted(listed)}

    def open(self) -> ShardReader:
        """Return a reader of the archives."""
        return ShardReader(self.files)

    def where(self, name: str) -> str:
        """Return the location of an entry for messages: archive::member."""
        return printable(str(self.files[0].parent / name))

    def _samples(self, number: int) -> dict[str, _Sample]:
        """Return name up to the first dot -> sample, of one archive."""
        file = self.files[number]
        stamp = stamp_of(file)
        told = {CLASS, FIELDS, (self.columns.classes or CLASS).lower()}
        samples: dict[str, _Sample] = {}
        with file.open("rb") as opened:
            for info in walk(opened):
                parts = [part for part in info.name.split("/") if part not in ("", ".")]
                if info.isdir() or not parts or any(map(is_hidden, parts)):
                    continue
                name = "/".join(parts)
                stem, _, suffix = parts[-1].partition(".")
                suffix, key = suffix.lower(), "/".join([*parts[:-1], stem])
                sample = samples.setdefault(key, _Sample(tuple(parts[:-1])))
                if is_image_name(parts[-1]):
                    place = (number, info.offset_data, info.size)
                    entry = Entry(f"{file.name}::{name}", info.size, place, stamp, problem_of(info))
                    sample.images[suffix] = entry
                elif suffix in told and info.isreg() and info.size <= LARGEST:
                    sample.notes[suffix] = _read(opened, info.offset_data, info.size)
                else:
                    sample.others.append(suffix)
        return samples

    def _labels(self, samples: Mapping[str, _Sample]) -> dict[str, str]:
        """Return the class of each sample with an image; empty if no file tells any class.

        Raises:
            ValueError: If some class is told and others are not, or files beside the images might
                tell it.
        """
        found = {key: self._label(key, sample) for key, sample in samples.items() if sample.images}
        labels = {key: label for key, label in found.items() if label is not None}
        lacking = next((key for key in found if key not in labels), None)
        if labels and lacking is not None:
            raise ValueError(
                f"expected a class for every image, in KEY.{CLASS} or in KEY.{FIELDS}, got none "
                f"for {printable(lacking)}"
            )
        beside = (sample for sample in samples.values() if sample.images)
        if not labels and (one := next((s for s in beside if s.notes or s.others), None)):
            fields = _fields("KEY", one.notes.get(FIELDS))
            raise ValueError(
                f"expected a class for every image, in KEY.{CLASS} or in KEY.{FIELDS}, got "
                f"{', '.join([*one.notes, *one.others, *fields])}; "
                + self.columns.advice("classes")
            )
        return labels

    def _label(self, key: str, sample: _Sample) -> str | None:
        """Return the class of a sample as its files tell it; None if they do not."""
        asked = self.columns.classes
        if (suffix := (asked or CLASS).lower()) in sample.notes:
            try:
                return sample.notes[suffix].decode().strip()
            except UnicodeDecodeError as error:
                raise ValueError(f"{printable(key)}.{suffix}: expected UTF-8 ({error})") from error
        fields = _fields(key, sample.notes.get(FIELDS))
        known = [name for name in fields if name in ((asked,) if asked else LABEL_COLUMNS)]
        if len(known) > 1:
            raise ValueError(
                f"expected one class, got {', '.join(known)} in {printable(key)}.{FIELDS}; "
                + self.columns.advice("classes")
            )
        if asked and not known:
            have = ", ".join([*sample.notes, *fields]) or "nothing"
            raise ValueError(
                f"{self.columns.group}.classes: expected the suffix of a file or a field of its "
                f"{FIELDS}, got {asked!r}; {printable(key)} has {have}"
            )
        if not known:
            return None
        if isinstance(value := fields[known[0]], list | dict):
            raise ValueError(f"{printable(key)}.{FIELDS}: expected one class, got {value}")
        return "" if value is None else str(value).strip()

    def _image(self, key: str, images: Mapping[str, Entry]) -> Entry:
        asked = (self.columns.images or "").lower().removeprefix(".")
        fitting = [suffix for suffix in images if asked in ("", suffix)]
        if len(fitting) == 1:
            return images[fitting[0]]
        advice = f"; {self.columns.advice('images')}" if fitting else ""
        raise ValueError(
            f"expected one image{f' with the suffix {asked}' if asked else ''} for "
            f"{printable(key)}, got {', '.join(images)}{advice}"
        )


class ShardReader:
    """Reads images; keeps one archive open.

    Args:
        files: The archives.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files
        self._opened: tuple[int, TarReader] | None = None

    def read(self, entry: Entry) -> bytes:
        """Return the content of an image file.

        Raises:
            ValueError: If the archive is damaged.
        """
        number, *place = (int(part) for part in entry.place)
        if self._opened is None or self._opened[0] != number:
            self.close()
            self._opened = number, TarReader(self._files[number].open("rb"))
        return self._opened[1].read(entry._replace(place=tuple(place)))

    def close(self) -> None:
        """Close the archive."""
        if self._opened:
            self._opened[1].close()
        self._opened = None


def find_shards(path: Path, columns: ColumnNames) -> ShardSource | TarSource | None:
    """Return the source if a path is a folder or a split of tar archives, or one without folders.

    A folder that has folders is a folder of classes, whatever archives are beside them. One archive
    with folders is not a shard.
    """
    if path.is_dir() and any(part.is_dir() and not is_hidden(part.name) for part in path.iterdir()):
        return None
    if path.is_file():
        is_flat = path.suffix.lower() == ".tar" and not has_folders(path)
        return ShardSource((path,), columns) if is_flat else None
    files = tuple(files_of(path if path.is_dir() else path.parent, ".tar"))
    # An archive of a class may be called after a split, such as bullet-train.tar.
    if all(map(split_of, files)):
        files = split_files(path, ".tar")
    elif not path.is_dir():
        files = ()
    if len(files) == 1 and has_folders(files[0]):
        return TarSource(files[0])
    return ShardSource(files, columns) if files else None


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _fields(key: str, text: bytes | None) -> dict[str, Any]:
    try:
        fields = json.loads(text or b"{}")
    except ValueError as error:
        raise ValueError(f"{printable(key)}.{FIELDS}: expected JSON ({error})") from error
    return fields if isinstance(fields, dict) else {}
