"""Atomic writes: files and folders are complete or absent, even after a kill or a power cut."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

CHANGES_NO_RESULT = True
"""See `source_code`."""

ABANDONED = 600.0
"""Seconds without a write after which an unfinished file counts as left by a killed process."""


@contextmanager
def replacing_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that atomically replaces `path` after it is synced to the disk.

    Several processes may write the same path; the last content stays.

    Args:
        path: File to write; its folder is created. The old content stays until the block ends.

    Raises:
        OSError: If the file cannot be written; the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    fresh = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with fresh.open("wb") as file:
            yield file
            sync(file)
        fresh.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            # The error of a full disk names no file.
            error.filename = str(path)
        raise
    sync_folder(path.parent)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Make an empty temporary folder that replaces `folder` after it is synced to the disk.

    Args:
        folder: Folder to write. The old content stays until the block ends.
    """
    # Keep a symbolic link and replace its target, which may be on another disk.
    folder = folder.resolve()
    fresh = folder.with_name(f"{folder.name}.partial")
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        yield fresh
        sync_tree(fresh)
        try:
            if folder.exists():
                folder.replace(old)
            fresh.replace(folder)
        except BaseException:
            if old.exists() and not folder.exists():
                old.replace(folder)
            raise
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, see `replacing_file`."""
    with replacing_file(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any, indent: int | None = None) -> None:
    """Write plain values as JSON, see `replacing_file`."""
    write_text(path, json.dumps(content, indent=indent))


def read_json(path: Path, kind: type) -> Any:
    """Return the plain values of a JSON file.

    Args:
        path: The file.
        kind: Expected type of the content: `dict`, `list`, or `object` for anything.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not valid JSON or not of that type; the message names the file.
    """
    told = "an object" if kind is dict else "a list" if kind is list else "a value"
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        place = getattr(error, "pos", getattr(error, "start", 0))
        text = f"one that is damaged at character {place}" if path.stat().st_size else "nothing"
        raise ValueError(f"{path}: expected {told} in JSON, got {text}") from error
    if not isinstance(content, kind):
        raise ValueError(f"{path}: expected {told} in JSON, got {json.dumps(content)[:40]}")
    return content


def sync(file: IO[bytes]) -> None:
    """Flush an open file and sync it to the disk.

    Source: fsync(2).
    """
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk.

    Source: fsync(2): a file's name is not synced with its content.
    """
    # Some file systems cannot sync folders and do not need it.
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def sync_tree(path: Path) -> None:
    """Sync a file, or everything in a folder, to the disk."""
    for part in (path, *sorted(path.rglob("*"))):
        if part.is_dir():
            sync_folder(part)
        else:
            with part.open("rb") as file:
                sync(file)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files that killed processes have left for this path."""
    for left in path.parent.glob(f"{_escaped(path.name)}.*.partial"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()


def _escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
