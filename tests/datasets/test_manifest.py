"""What is written down is replaced as a whole, so that nobody ever reads half of it."""

import errno
import os
import re
from pathlib import Path

import pytest
from kedro.io import DatasetError

from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.datasets.partition_records import Found, Origin
from mgd3_kedro.stages import Made

ORIGIN = Origin("made from this", "made so", {}, "here", "kedro run")


def write(path, value):
    path.write_text(value)


@pytest.fixture
def manifest(tmp_path):
    """Return the manifest of two classes that are complete."""
    manifest = Manifest(tmp_path / "values", ".txt")
    for wnid in ("n1", "n2"):
        manifest.keep(wnid, Made("whole", 1), ORIGIN, 0.0, 1.0, write)
    manifest.close(["n1", "n2"])
    return manifest


@pytest.fixture
def full_disk(monkeypatch):
    """Have a disk that is full when half of a text is written, for texts with a word."""

    def fill(word):
        whole = Path.write_text

        def write_half(self, text, *args, **others):
            whole(self, text[: len(text) // 2] if word in text else text, *args, **others)
            if word in text:
                raise OSError(errno.ENOSPC, "No space left on device")

        def sync_half(file):
            file.flush()
            if word in Path(file.name).read_text(encoding="utf-8"):
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_text", write_half)
        monkeypatch.setattr("mgd3_kedro.durable.sync", sync_half)

    return fill


def test_an_index_that_cannot_be_written_is_the_one_before(manifest, full_disk):
    full_disk("n9")
    with pytest.raises(DatasetError, match="free some space"):
        manifest.close(["n1", "n9"])
    assert manifest.read_index() == ["n1", "n2"]
    assert manifest.is_complete


def test_a_record_that_cannot_be_written_is_none(manifest, full_disk):
    full_disk("made otherwise")
    with pytest.raises(DatasetError, match="free some space"):
        manifest.keep(
            "n1", Made("new", 1), Origin("x", "made otherwise", {}, "", ""), 0.0, 1.0, write
        )
    assert sorted(path.name for path in manifest.folder.glob("*.json")) == ["n2.json"]
    assert manifest.finished == 1
    assert not manifest.is_complete


def test_a_partition_that_cannot_be_written_leaves_the_one_before(manifest, full_disk):
    full_disk("too large")
    with pytest.raises(DatasetError, match="free some space"):
        manifest.keep("n1", Made("too large", 1), ORIGIN, 0.0, 1.0, write)
    assert manifest.path_of("n1").read_text() == "whole"
    assert manifest.find("n1", "made from this").record
    assert not list(manifest.folder.glob("*.partial*"))


def test_who_has_opened_what_is_replaced_goes_on_reading_it(manifest, tmp_path):
    opened = manifest.index.open()
    manifest.close(["n2"])
    assert opened.read() == '["n1", "n2"]'
    assert manifest.read_index() == ["n2"]
    opened.close()


DAMAGED = {
    "empty": "",
    "null": "null",
    "no list": "{}",
    "no names": "[]",
    "not names": "[1]",
    "cut": '["n1", "n',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_index_is_no_complete_artefact_and_named(content, manifest):
    manifest.index.write_text(content)
    assert not manifest.is_complete
    with pytest.raises(ValueError, match=f"^{re.escape(str(manifest.index))}: expected ") as error:
        manifest.check_index()
    assert "\n" not in str(error.value)
    manifest.index.unlink()
    manifest.check_index()
    assert not manifest.is_complete


RECORDS = {
    "empty": "",
    "null": "null",
    "list": "[]",
    "nothing": "{}",
    "no content": '{"fingerprint": "made from this"}',
    "cut": '{"fingerprint": "made from this", "conte',
}


@pytest.mark.parametrize("content", RECORDS.values(), ids=RECORDS)
def test_a_damaged_record_is_none_and_named_in_one_line(content, manifest, caplog):
    path = manifest.folder / "n1.json"
    path.write_text(content)
    assert manifest.find("n1", "made from this") == Found()
    (message,) = caplog.messages
    assert message.startswith(f"{path}: expected ")
    assert message.endswith("; made anew")
    assert "\n" not in message
    path.unlink()
    assert manifest.find("n1", "made from this") == Found()
    assert len(caplog.messages) == 1


def test_a_record_of_which_a_bit_is_flipped_is_none(manifest, caplog):
    path = manifest.folder / "n1.json"
    whole = path.read_bytes()
    for place in range(0, 8 * len(whole), 7):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        assert manifest.find("n1", "made from this") == Found(), bytes(changed)
    path.write_bytes(whole)
    assert manifest.find("n1", "made from this").record == manifest.read_record("n1")


CHANGED = {
    "other": lambda path: path.write_text("others"),
    "cut": lambda path: path.write_text(""),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_partition_that_was_changed_is_told_from_one_that_is_out_of_date(change, manifest):
    assert manifest.find("n1", "made from that") == Found(has_changed=False)
    change(manifest.path_of("n1"))
    assert manifest.find("n1", "made from this") == Found(has_changed=True)
    assert manifest.find("n1", "made from that") == Found(has_changed=False)


def test_a_bit_that_changed_on_the_disk_is_noticed_when_it_is_read(manifest):
    path = manifest.path_of("n1")
    content = manifest.read_record("n1")["content"]
    assert manifest.read(Path.read_text, "n1", content) == "whole"
    before = path.stat()
    path.write_text("whelk")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DatasetError, match="has changed since; repeat the command"):
        manifest.read(Path.read_text, "n1", content)
    # The command that is given then makes it anew.
    assert manifest.find("n1", "made from this") == Found()
    assert not manifest.is_complete
    assert manifest.read(Path.read_text, "n2", manifest.read_record("n2")["content"]) == "whole"


def test_what_another_process_has_made_anew_meanwhile_is_not_forgotten(manifest):
    content = manifest.read_record("n1")["content"]
    manifest.keep("n1", Made("other", 1), ORIGIN, 0.0, 1.0, write)
    with pytest.raises(DatasetError, match="has changed since"):
        manifest.read(Path.read_text, "n1", content)
    assert manifest.find("n1", "made from this").record
    assert manifest.is_complete


@pytest.mark.parametrize("in_folder", [False, True])
def test_a_partition_is_on_the_disk_before_its_record(in_folder, tmp_path, monkeypatch):
    synced = []

    def note(number):
        synced.append(Path(f"/proc/self/fd/{number}").readlink().name.partition("-")[0])

    def write_some(path, value):
        files = [path]
        if in_folder:
            path.mkdir()
            files = [path / "0.png", path / "1.png"]
        for file in files:
            file.write_text(value)

    monkeypatch.setattr(os, "fsync", note)
    manifest = Manifest(tmp_path / "values", "")
    manifest.keep("n1", Made("whole", 2), ORIGIN, 0.0, 1.0, write_some)
    partition = ["n1", "0.png", "1.png"] if in_folder else ["n1"]
    assert synced[: len(partition) + 1] == [*partition, "values"]
    assert any(name.startswith("n1.json") for name in synced[len(partition) + 1 :])
