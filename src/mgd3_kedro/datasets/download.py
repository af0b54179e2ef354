"""Downloads that resume, are verified, and are put in place only when they are complete."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tarfile
from collections.abc import Collection
from pathlib import Path

from kedro.io import DatasetError

from mgd3_kedro.durable import sync_folder, sync_tree

logger = logging.getLogger(__name__)

CHUNK = 1 << 20
REPORTS = 20
"""Number of progress lines per download."""
TIMEOUT = 60


def fetch_images(url: str, md5: Collection[str], folder: Path) -> None:
    """Download and unpack the images of a benchmark, unless their folder exists.

    Args:
        url: Address of a tar file that contains one folder.
        md5: MD5 checksums of the published versions of the file.
        folder: Path to which the folder is unpacked.

    Raises:
        DatasetError: If the download fails, its checksum differs, or it cannot be unpacked.
    """
    if folder.exists():
        logger.info("%s is there already", folder)
        return
    archive = folder.with_name(Path(url).name)
    if not archive.exists():
        download(url, archive, md5)
    elif (found := _md5_of(archive)) not in md5:
        raise DatasetError(
            f"{archive}: expected the MD5 checksum {' or '.join(md5)}, got {found}; remove this "
            "file and run again, which downloads it"
        )
    unpack(archive, folder)
    archive.unlink()


def download(url: str, path: Path, md5: Collection[str]) -> None:
    """Download a file beside its destination, verify its checksum, and put it in place.

    Args:
        url: Address of the file.
        path: Destination; an unfinished download is kept beside it as `.partial`.
        md5: MD5 checksums of the published versions of the file.

    Raises:
        DatasetError: If the server cannot be reached or answers with an error, or the checksum
            differs.
    """
    import requests

    fresh = path.with_name(f"{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, fresh)
    except requests.RequestException as error:
        raise DatasetError(
            f"{url}: could not be downloaded ({error}); run again to go on from "
            f"{fresh.stat().st_size if fresh.exists() else 0} bytes"
        ) from error
    found = _md5_of(fresh)
    if found not in md5:
        fresh.unlink()
        raise DatasetError(
            f"{url}: expected the MD5 checksum {' or '.join(md5)}, got {found}; the download was "
            "removed, run again"
        )
    fresh.replace(path)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar file that contains one folder, and put the folder in place.

    Args:
        archive: A tar file, compressed or not.
        folder: Destination of the folder in it; must not exist.

    Raises:
        DatasetError: If the archive is damaged, contains links or paths that lead out of it, or
            does not contain exactly one folder.
    """
    fresh = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    logger.info("unpacking %s", archive)
    try:
        with tarfile.open(archive) as members:
            for member in members:
                _extract(members, member, fresh)
    except (tarfile.TarError, EOFError, OSError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise DatasetError(
            f"{archive}: could not be unpacked ({error}); free some space if the disk is full, "
            "else remove this file, and run again"
        ) from error
    inside = list(fresh.iterdir())
    if len(inside) != 1 or not inside[0].is_dir():
        shutil.rmtree(fresh)
        raise DatasetError(
            f"{archive}: expected one folder in it, got {', '.join(p.name for p in inside[:5])}; "
            "remove this file and run again"
        )
    sync_tree(inside[0])
    inside[0].replace(folder)
    fresh.rmdir()
    sync_folder(folder.parent)


def _extract(members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    # `extract(filter="data")` does this, but not in every Python 3.11.
    path = folder / member.name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise tarfile.TarError(f"{member.name} would be written outside of the folder")
    content = None if member.issym() or member.islnk() else members.extractfile(member)
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif content is None:
        raise tarfile.TarError(f"expected files and folders, got {member.name}, which is neither")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as file:
            shutil.copyfileobj(content, file)


def _fetch(url: str, path: Path) -> None:
    import requests

    done = path.stat().st_size if path.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if done and answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # the file may be complete; the checksum decides
        answer.raise_for_status()
        if answer.status_code != requests.codes.partial_content:
            done = 0  # the server cannot resume
        total = done + int(answer.headers.get("Content-Length", 0))
        logger.info("downloading %s: %d of %d MB are there", url, done >> 20, total >> 20)
        next_report = done + total // REPORTS
        with path.open("ab" if done else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if total and done >= next_report:
                    logger.info("%3d %% of %d MB", 100 * done // total, total >> 20)
                    next_report += total // REPORTS
    if done < total:
        raise requests.ConnectionError(f"connection closed after {done} of {total} bytes")


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
