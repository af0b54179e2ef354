"""Folders that are written as a whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mgd3_kedro.durable import sync_folder, sync_tree


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write into, and put it in place at once, once it is written.

    Args:
        folder: Its place; what was there is never gone before the new one is complete.
    """
    fresh = folder.with_name(f"{folder.name}.partial")
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        yield fresh
        sync_tree(fresh)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.replace(old)
        fresh.replace(folder)
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
