import hashlib
import io
import logging
import tarfile
import threading

import pytest
from file_server import Server
from kedro.io import DatasetError

from mgd3_kedro.datasets.download import download, fetch_images, unpack

CONTENT = bytes(range(256)) * 20_000
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server():
    """Serve the content from this machine."""
    with Server(CONTENT) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_is_downloaded_with_progress(server, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="mgd3_kedro")
    path = tmp_path / "raw/data.tgz"
    download(server.url, path, [MD5])
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["data.tgz"]
    assert "100 % of 4 MB" in caplog.text


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_download_that_broke_off_goes_on_where_it_stopped(knows_ranges, server, tmp_path):
    path = tmp_path / "data.tgz"
    server.stop_after, server.knows_ranges = 3_000_000, knows_ranges
    with pytest.raises(DatasetError, match=r"could not be downloaded .*run again to go on from"):
        download(server.url, path, [MD5])
    assert not path.exists()
    kept = (tmp_path / "data.tgz.partial").stat().st_size
    assert 0 < kept <= 3_000_000
    download(server.url, path, [MD5])
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={kept}-"]


def test_a_download_that_was_complete_but_not_verified_is_not_repeated(server, tmp_path):
    path = tmp_path / "data.tgz"
    (tmp_path / "data.tgz.partial").write_bytes(CONTENT)
    download(server.url, path, ["0" * 32, MD5])
    assert path.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_another_content_is_removed_and_refused(server, tmp_path):
    path = tmp_path / "data.tgz"
    message = f"expected the MD5 checksum {'0' * 32} or {'1' * 32}, got {MD5}"
    with pytest.raises(DatasetError, match=message):
        download(server.url, path, ["0" * 32, "1" * 32])
    assert not list(tmp_path.iterdir())


def test_another_archive_that_is_there_already_is_refused_and_left(server, tmp_path):
    archive = tmp_path / "data.tgz"
    archive.write_bytes(b"mine")
    message = rf"{archive}: expected the MD5 checksum {MD5}, got .*; remove this file and run again"
    with pytest.raises(DatasetError, match=message):
        fetch_images(server.url, [MD5], tmp_path / "images")
    assert archive.read_bytes() == b"mine"
    assert server.ranges == []


def test_a_missing_file_and_a_missing_server_are_errors(server, tmp_path):
    with pytest.raises(DatasetError, match="404"):
        download(f"{server.url}.not", tmp_path / "data.tgz", [MD5])
    with pytest.raises(DatasetError, match=r"http://127\.0\.0\.1:1/x: could not be downloaded"):
        download("http://127.0.0.1:1/x", tmp_path / "data.tgz", [MD5])


def archive_of(path, names):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
    return path


def test_the_folder_of_an_archive_is_put_in_place(tmp_path):
    archive = archive_of(tmp_path / "a.tgz", ["images2/train/n1/a.txt", "images2/val/n1/b.txt"])
    unpack(archive, tmp_path / "raw/images")
    files = [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*.txt"))]
    assert files == ["raw/images/train/n1/a.txt", "raw/images/val/n1/b.txt"]
    assert [p.name for p in (tmp_path / "raw").iterdir()] == ["images"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/x", "b/x"], "expected one folder in it, got [ab], [ab]"),
        (["x"], "expected one folder in it, got x; remove this file and run again"),
        (["a/x", "../outside"], "could not be unpacked .*outside"),
        (["a/x", "a/../../outside"], "could not be unpacked .*outside"),
        (["a/x", "/outside"], "could not be unpacked .*outside"),
    ],
)
def test_an_archive_that_would_be_written_elsewhere_is_refused(names, message, tmp_path):
    archive = archive_of(tmp_path / "a.tgz", names)
    with pytest.raises(DatasetError, match=message):
        unpack(archive, tmp_path / "raw/images")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tgz", "raw"]
    assert not list((tmp_path / "raw").iterdir())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_an_archive_of_other_things_than_files_is_refused(kind, tmp_path):
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("a/link")
        member.type, member.linkname = kind, "../../outside"
        archive.addfile(member)
    with pytest.raises(DatasetError, match=r"expected files and folders, got a/link, which is nei"):
        unpack(tmp_path / "a.tgz", tmp_path / "raw/images")
    assert not list((tmp_path / "raw").iterdir())


@pytest.mark.parametrize("cut", [0, 40])
def test_a_damaged_archive_is_refused(cut, tmp_path):
    archive = archive_of(tmp_path / "a.tgz", ["a/x"])
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(DatasetError, match=r"(?s)a\.tgz: could not be unpacked .*remove this"):
        unpack(archive, tmp_path / "images")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tgz"]
