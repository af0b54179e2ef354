"""Remote store, such as a bucket, that keeps results in addition to the local project folder.

It is accessed with fsspec. Keys are paths relative to the project folder. Every object is complete
or absent.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec

URL = re.compile(r"([a-z][a-z0-9+]+)://[^/]+.*")
HERE = ("file", "local", "memory")
"""Protocols that are not allowed for a store."""
PART = ".partial"
EXTRAS = {"s3": "s3"}
"""Protocol -> extra of this package that installs its library."""


@dataclass(frozen=True)
class Store:
    """Store that keeps files under their paths in a project.

    Methods that access the store raise an `OSError` that names it if it fails.

    Args:
        url: Address, such as `s3://bucket/prefix`. Credentials come from the environment.
        root: Folder of the project.

    Raises:
        ValueError: If the address is not that of a remote store.
    """

    url: str
    root: Path

    def __post_init__(self) -> None:
        match = URL.fullmatch(self.url)
        if match is None or match[1] in HERE:
            raise ValueError(
                f"store: expected the address of a bucket, as s3://BUCKET/PREFIX, got "
                f"{self.url!r}; a folder that all machines see needs no store: start them in it"
            )

    @property
    def protocol(self) -> str:
        """Protocol of the address, such as `s3`."""
        return self.url.partition("://")[0]

    def check(self) -> None:
        """Check that the store can be written: write an object and remove it.

        Raises:
            ModuleNotFoundError: If the library for the protocol is not installed.
            ValueError: If the store cannot be written.
        """
        try:
            files = self._files()
            probe = self._key(self.root / f".mgd3-{secrets.token_hex(4)}")
            files.pipe_file(probe, b"")
            files.rm_file(probe)
        except ImportError as error:
            extra = EXTRAS.get(self.protocol)
            advice = f"pip install 'mgd3_kedro[{extra}]'" if extra else str(error)
            raise ModuleNotFoundError(
                f"store {self.url}: expected the library for {self.protocol}://, which is not "
                f"installed; {advice}"
            ) from error
        except FileNotFoundError as error:
            raise ValueError(
                f"store {self.url}: expected a bucket that is there, found none of this name; "
                "make it first, or name another"
            ) from error
        except Exception as error:
            raise ValueError(
                f"store {self.url}: expected a place to write to, got: {_first_line(error)}; "
                "check its address, network and credentials, which come from the environment (for "
                "s3://: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, or ~/.aws)"
            ) from error

    def holds(self, path: Path) -> bool:
        """Tell whether a path is within the project, so that the store can keep it."""
        return path.is_relative_to(self.root)

    def read(self, path: Path) -> bytes | None:
        """Return the content of an object; None if it does not exist."""
        return self.read_all([path]).get(path)

    def read_all(self, paths: Iterable[Path]) -> dict[Path, bytes]:
        """Return path -> content of those objects that exist, read in parallel."""
        asked = list(paths)
        with self._told():
            # Unlike `cat`, it does not treat brackets in keys as patterns.
            found = self._files().cat_ranges(
                [*map(self._key, asked)], None, None, on_error="return"
            )
            for one in found:
                if isinstance(one, Exception) and not isinstance(one, FileNotFoundError):
                    raise one
        pairs = zip(asked, found, strict=True)
        return {path: one for path, one in pairs if isinstance(one, bytes)}

    def write(self, path: Path, content: bytes) -> None:
        """Write an object, or replace it."""
        with self._told():
            self._files().pipe_file(self._key(path), content)

    def upload(self, paths: Collection[Path]) -> None:
        """Upload local files in parallel, and replace existing objects."""
        if paths:
            with self._told():
                self._files().put([*map(str, paths)], [*map(self._key, paths)])

    def download(self, path: Path, put: Callable[[Path], None]) -> bool:
        """Download a file, or everything in a folder.

        Args:
            path: Its path in the project; the parent folder is created.
            put: Moves the download to its place; gets the temporary file or folder.

        Returns:
            Whether the store has such an object.
        """
        names = self.names(path)
        if not names:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix=".", suffix=PART) as folder:
            arrived = Path(folder, path.name)
            local = [arrived / name.relative_to(path) for name in names]
            for parent in {file.parent for file in local}:
                parent.mkdir(parents=True, exist_ok=True)
            with self._told():
                self._files().get([*map(self._key, names)], [*map(str, local)])
            put(arrived)
        return True

    def fetch(self, paths: Iterable[Path]) -> None:
        """Download those files that the store has, and replace the local ones."""
        for path, content in self.read_all(paths).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
            fresh.write_bytes(content)
            fresh.replace(path)

    def names(self, path: Path) -> list[Path]:
        """Return the sorted paths of all objects below a folder, or of the object at this path."""
        base = self._key(self.root)
        with self._told():
            keys = self._files().find(self._key(path))
        return sorted(self.root / key.removeprefix(f"{base}/") for key in keys)

    def remove(self, paths: Collection[Path]) -> None:
        """Remove those objects that exist."""
        with self._told():
            for path in paths:
                with suppress(FileNotFoundError):
                    self._files().rm_file(self._key(path))

    def _key(self, path: Path) -> str:
        base: str = fsspec.core.strip_protocol(self.url).rstrip("/")
        inner = path.relative_to(self.root).as_posix()
        return base if inner == "." else f"{base}/{inner}"

    def _files(self) -> Any:
        # No cache of listings, because other machines write to the store, too.
        return fsspec.filesystem(self.protocol, use_listings_cache=False)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the errors of any library into an error that names the store.

        Raises:
            OSError: If an access fails. A FileNotFoundError is passed on unchanged.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            raise OSError(
                f"store {self.url}: {_first_line(error)}; solve this and run again (finished "
                "partitions are kept)"
            ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
