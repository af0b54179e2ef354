"""Names of splits: of folders, of archives, and of files of tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "validation", "valid", "dev"),
    "test": ("test", "testing"),
}
"""Split -> names that it has in data sets, in order of preference."""
CALLED = re.compile(r"([a-z]+?)[-_ ]?(dataset|set|images?|data)?[-_ ]?\d*")
"""Name of a folder or archive, in small letters: the name of a split, and what may follow it."""
WORDS = re.compile(r"[-_.]")
PART = r"([-_.]?(part|shard)?[-_.]?\d+)?([-_.]of[-_.]\d+)?([-_.][0-9a-f]{16})?"
"""What may follow a split in the name of a file of a table: -00000-of-00003."""


class SeveralSplitsError(ValueError):
    """Files of several splits are in a folder, and none is named."""


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
            raise SeveralSplitsError(
                f"{path}: expected the files of one split, got {', '.join(splits)}: name one, "
                f"{path / splits[0]}"
            )
        return tuple(files)
    for name in names_of(path.name):
        if found := _files_called(name, files_of(path.parent, suffix)):
            return found
    return ()


def _files_called(name: str, files: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files of a split: those with nothing before its name, or else one set of others.

    Raises:
        ValueError: If the names of files begin in several ways.
    """
    found: dict[str, list[Path]] = {}
    for file in files:
        if (before := _before(name.lower(), file)) is not None:
            found.setdefault(before, []).append(file)
    if len(found) > 1 and "" not in found:
        raise ValueError(
            f"expected the files of one set for {name}, got "
            f"{', '.join(of_set[0].name for of_set in found.values())}; move the others away"
        )
    return tuple(found.get("") or next(iter(found.values()), ()))


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
    name = WORDS.split(_without_part(file))[-1]
    return name if _split(name) and _before(name, file) is not None else None


def _before(name: str, file: Path) -> str | None:
    """Return what is before a name in the name of a file; None if it is not called so.

    A split before another one makes a third: train_val.parquet is of neither.
    """
    match = re.fullmatch(rf"(?:(.*)[-_.])?{re.escape(name)}", _without_part(file))
    if not match or _split(WORDS.split(match[1] or "")[-1]):
        return None
    return match[1] or ""


def _without_part(file: Path) -> str:
    """Return the name of a file, in small letters, without the number of its part and suffixes."""
    stem = file.name.lower().partition(".")[0]
    match = re.fullmatch(rf"(.*?){PART}", stem)
    return match[1] if match else stem


def _split(name: str) -> str | None:
    return next((split for split, names in SPLITS.items() if name in names), None)
