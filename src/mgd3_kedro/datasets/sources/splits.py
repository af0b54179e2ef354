"""Names of splits: of folders, of archives, and of files of tables."""

from __future__ import annotations

import re
from pathlib import Path

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "validation", "valid"),
    "test": ("test", "testing"),
}
"""Split -> names that it has in data sets, in order of preference."""
CALLED = re.compile(r"([a-z]+?)[-_ ]?(dataset|set|images?|data)?")
"""Name of a folder or archive, in small letters: the name of a split, and what may follow it."""


def split_called(name: str) -> str | None:
    """Return the split that a folder or archive is called after, such as "Training_set"."""
    match = CALLED.fullmatch(name.lower())
    return _split(match[1]) if match else None


def names_of(name: str) -> tuple[str, ...]:
    """Return the names that files of a split may have, the given one first."""
    others = SPLITS.get(_split(name) or "", ())
    return (name, *(other for other in others if other != name))


def split_files(path: Path, suffix: str) -> tuple[Path, ...]:
    """Return the table files of a path: itself, those of a folder, or those of a split in it.

    `PATH/train` matches both `PATH/train.parquet` and `PATH/train-00000-of-00003.parquet`.

    Args:
        path: A file, a folder, or a folder and the name of a split.
        suffix: Suffix of the files.

    Raises:
        ValueError: If a folder holds several splits and none is named.
    """
    if path.is_file():
        return (path,) if path.suffix.lower() == suffix else ()
    if path.is_dir():
        files = files_of(path, suffix)
        splits = sorted({split for file in files if (split := split_of(file))})
        if len(splits) > 1:
            raise ValueError(
                f"{path}: expected the files of one split, got {', '.join(splits)}: name one, "
                f"{path / splits[0]}"
            )
        return tuple(files)
    for name in names_of(path.name):
        pattern = re.compile(
            rf"(.*[-_.])?{re.escape(name)}([-_.].*)?{re.escape(suffix)}", re.IGNORECASE
        )
        beside = files_of(path.parent, suffix)
        if found := tuple(file for file in beside if pattern.fullmatch(file.name)):
            return found
    return ()


def files_of(folder: Path, suffix: str) -> list[Path]:
    """Return the visible files of a folder with a suffix, sorted."""
    # The `datasets` library also keeps cached results in this folder.
    return sorted(
        file
        for file in folder.glob("*")
        if file.suffix.lower() == suffix and not file.name.startswith((".", "cache-"))
    )


def split_of(file: Path) -> str | None:
    """Return the name of a split that a file is called after; None if there is none."""
    return next((part for part in re.split(r"[-_.]", file.name.lower()) if _split(part)), None)


def _split(name: str) -> str | None:
    return next((split for split, names in SPLITS.items() if name in names), None)
