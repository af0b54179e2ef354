import json
import logging
import os
import pickle
import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from kedro.io import DatasetError
from PIL import Image

from mgd3_kedro.datasets import image_descriptions, image_index, image_reader
from mgd3_kedro.datasets.image_descriptions import Described
from mgd3_kedro.datasets.image_index import ClassIndex, IndexedClass, KeptIndex, Portion


def loaded(partitions):
    return {wnid: partition.load()[:] for wnid, partition in partitions.items()}


def times_of(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.fixture
def folder(write_form, files):
    """Write the images as a folder of class folders."""
    return write_form("folder", files)


@pytest.fixture
def count_reads(monkeypatch):
    """Count how often each file is decoded."""
    decoded = Counter()
    for module, name in ((image_descriptions, "describe_image"), (image_reader, "decode_image")):
        whole = getattr(module, name)

        def count(data, where, *size, whole=whole, name=name):
            decoded[name] += 1
            return whole(data, where, *size)

        monkeypatch.setattr(module, name, count)
    return decoded


def test_every_form_of_a_source_gives_the_same_images(source, make_set, pixels):
    partitions = make_set(source).load()
    assert list(partitions) == ["n02", "n01"]
    for wnid, partition in partitions.items():
        assert partition.count == len(partition.rows) == len(pixels[wnid])
        assert torch.equal(partition.load()[:], pixels[wnid])


def test_every_form_of_a_source_has_the_same_identity(source, make_set, write_form, files):
    partitions = make_set(source).load()
    plain = make_set(write_form("folder", files), index="plain").load()
    for wnid in plain:
        assert partitions[wnid].fingerprint == plain[wnid].fingerprint
        digests = [row["digest"] for row in partitions[wnid].rows]
        assert digests == [row["digest"] for row in plain[wnid].rows]


def test_every_form_of_a_source_can_be_sent_to_another_process(source, make_set, pixels):
    partition = make_set(source).load()["n01"]
    images = partition.load()
    images[:2]
    sent, partition = pickle.loads(pickle.dumps((images, partition)))
    assert torch.equal(sent[1:3], pixels["n01"][1:3])
    assert torch.equal(partition.load()[1:3], pixels["n01"][1:3])
    assert torch.equal(torch.cat(list(images.chunks(2))), pixels["n01"])


@pytest.mark.parametrize("form", ["tar", "parquet, classes by name"])
def test_several_processes_index_side_by_side(form, write_form, files, make_set, pixels):
    found = loaded(make_set(write_form(form, files), jobs=2).load())
    assert torch.equal(found["n02"], pixels["n02"])


def test_images_are_given_in_the_order_asked_for(source, make_set, pixels):
    images = make_set(source).load()["n02"].load()
    assert torch.equal(images[[4, 0, 3]], pixels["n02"][[4, 0, 3]])


def test_nothing_is_written_where_the_images_are(folder, make_set):
    before = sorted(folder.rglob("*"))
    loaded(make_set(folder).load())
    assert sorted(folder.rglob("*")) == before


def test_without_a_table_the_classes_are_those_of_the_source(folder, make_set):
    assert list(make_set(folder, classes=None).load()) == ["n01", "n02", "n03"]


def test_a_link_to_a_class_folder_is_followed(folder, make_set, pixels, tmp_path):
    (tmp_path / "links").mkdir()
    for wnid in ("n01", "n02"):
        (tmp_path / "links" / wnid).symlink_to(folder / wnid)
    assert torch.equal(loaded(make_set(tmp_path / "links").load())["n02"], pixels["n02"])


def test_classes_are_found_by_their_words_where_there_is_no_wordnet_id(
    write_form, files, make_set, pixels
):
    words = {"n01": "Hen, biddy", "n02": "owl, night bird", "n03": "crow"}
    named = {f"{words[name[:3]]}{name[3:]}": data for name, data in files.items()}
    found = loaded(make_set(write_form("parquet shards of a split", named)).load())
    assert list(found) == ["n02", "n01"]
    assert torch.equal(found["n01"], pixels["n01"])
    assert torch.equal(found["n02"], pixels["n02"])


def test_words_that_two_classes_have_name_neither(write_form, files, make_set, table):
    table.write_text("n02\t7\tcrane\nn01\t4\tcrane\n")
    words = {"n01": "crane", "n02": "crane, bird", "n03": "crow"}
    named = {f"{words[name[:3]]}{name[3:]}": data for name, data in files.items()}
    with pytest.raises(DatasetError, match="2 are missing"):
        make_set(write_form("folder", named)).load()


def test_a_missing_class_is_named_with_its_neighbours(write_form, files, make_set):
    renamed = {name.replace("n02", "n02x"): data for name, data in files.items()}
    message = r"expected the 2 classes of .*birds\.tsv, 1 are missing: first n02 \(owl.*\); nearest"
    with pytest.raises(DatasetError, match=message + ": n02x"):
        make_set(write_form("folder", renamed)).load()


def test_a_folder_too_high_is_told_by_what_it_has(folder, make_set):
    with pytest.raises(DatasetError, match=r"2 are missing.*; it has folder"):
        make_set(folder.parent).load()


def test_parts_of_a_set_neither_overlap_nor_leave_a_gap(folder, make_set, pixels):
    first = make_set(folder, part=[0, 0.7]).load()
    second = make_set(folder, part=[0.7, 1]).load()
    for wnid, whole in pixels.items():
        if wnid in first:
            both = torch.cat([first[wnid].load()[:], second[wnid].load()[:]])
            assert torch.equal(both, whole)
            assert first[wnid].count == round(0.7 * len(whole))
            assert first[wnid].fingerprint != second[wnid].fingerprint


def test_a_part_stays_when_files_are_left_out(folder, make_set, pixels):
    (folder / "n02/0.png").write_bytes(b"no image")
    second = make_set(folder, part=[0.6, 1], bad_images="skip").load()["n02"]
    assert torch.equal(second.load()[:], pixels["n02"][3:])


def test_bad_files_outside_the_part_do_no_harm(folder, make_set):
    (folder / "n02/0.png").write_bytes(b"no image")
    assert make_set(folder, part=[0.6, 1]).load()["n02"].count == 2
    with pytest.raises(DatasetError, match="1 other file"):
        make_set(folder, part=[0, 0.6]).load()


def test_images_are_brought_to_the_size(folder, make_set):
    partition = make_set(folder, image_size=3).load()["n01"]
    assert partition.load()[:].shape == (4, 3, 3, 3) == partition.load().shape
    other = make_set(folder, image_size=4).load()["n01"]
    assert partition.fingerprint != other.fingerprint


def test_no_more_than_a_chunk_is_decoded_at_a_time(folder, make_set, count_reads):
    images = make_set(folder).load()["n02"].load()
    assert count_reads == {"describe_image": 9}
    for chunk in images.chunks(2):
        count_reads["seen"] += len(chunk)
        assert count_reads["decode_image"] == count_reads["seen"]
    images[[3, 1]]
    assert count_reads["decode_image"] == 7


def test_one_row_group_is_read_for_a_run_of_rows(write_form, files, make_set, monkeypatch):
    from mgd3_kedro.datasets.sources.parquet import ParquetRows

    read = []
    whole = ParquetRows.block

    def count(self, number, column):
        read.append(number)
        return whole(self, number, column)

    images = make_set(write_form("parquet, classes by name", files)).load()["n02"].load()
    monkeypatch.setattr(ParquetRows, "block", count)
    # Rows 1, 4, 7 and 10, 11 of groups of four.
    assert [len(chunk) for chunk in images.chunks(1)] == [1] * 5
    assert read == [0, 1, 2]
    read.clear()
    # In whatever order they are asked for.
    images[[4, 0, 3, 1, 2]]
    assert read == [0, 1, 2]


def test_a_source_that_another_process_opened_is_opened_anew(write_form, files, make_set):
    decode = make_set(write_form("zip", files)).load()["n02"].load().decode
    opened = decode._reader()
    assert decode._reader() is opened
    # As it is after a fork.
    decode._opened = os.getpid() + 1, opened
    assert decode._reader() is not opened


def test_an_index_is_made_once(folder, make_set, count_reads, tmp_path):
    first = make_set(folder).load()
    before = times_of(tmp_path / "index")
    assert sorted(before) == ["n01.json", "n02.json"]
    again = make_set(folder).load()
    assert count_reads == {"describe_image": 9}
    assert times_of(tmp_path / "index") == before
    assert [p.fingerprint for p in again.values()] == [p.fingerprint for p in first.values()]


def test_a_data_set_loads_its_listing_once_until_it_is_released(folder, make_set):
    images = make_set(folder)
    count = images.load()["n01"].count
    (folder / "n01/9.png").write_bytes((folder / "n01/0.png").read_bytes())
    assert images.load()["n01"].count == count
    images.release()
    assert images.load()["n01"].count == count + 1


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(path.with_name("1.png").read_bytes()),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("x.png")),
        lambda path: os.utime(path, ns=(0, 0)),
        lambda path: shutil.copy(path, path.with_name("8.png")),
    ],
)
def test_only_the_class_that_changed_is_indexed_again(change, folder, make_set, tmp_path):
    make_set(folder).load()
    before = times_of(tmp_path / "index")
    change(folder / "n01/0.png")
    make_set(folder).load()
    after = times_of(tmp_path / "index")
    assert after["n02.json"] == before["n02.json"]
    assert after["n01.json"] != before["n01.json"]


def test_classes_come_in_the_order_of_the_table_whichever_is_indexed_first(
    folder, make_set, tmp_path
):
    make_set(folder).load()
    (tmp_path / "index/n02.json").unlink()
    # With two processes the class that waits for its index comes last.
    assert list(make_set(folder, jobs=2).load()) == ["n02", "n01"]


def test_a_file_that_changes_changes_the_identity_of_its_class_alone(folder, make_set):
    before = make_set(folder).load()
    Image.new("RGB", (6, 6)).save(folder / "n01/0.png")
    after = make_set(folder).load()
    assert after["n01"].fingerprint != before["n01"].fingerprint
    assert after["n02"].fingerprint == before["n02"].fingerprint


def test_a_copy_of_the_images_is_the_same_set(folder, make_set, tmp_path):
    before = make_set(folder).load()
    folder.rename(tmp_path / "moved")
    after = make_set(tmp_path / "moved", index="other").load()
    assert [p.fingerprint for p in after.values()] == [p.fingerprint for p in before.values()]


def test_an_interrupted_index_is_completed(folder, make_set, count_reads, monkeypatch, tmp_path):
    write = ClassIndex.write

    def killed(self, images):
        if self.path.name == "n01.json":
            self.path.with_name("n01.json.1.partial").write_text("[{")
            raise KeyboardInterrupt
        write(self, images)

    monkeypatch.setattr(ClassIndex, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        make_set(folder).load()
    assert count_reads["describe_image"] == 9
    monkeypatch.setattr(ClassIndex, "write", write)
    make_set(folder).load()
    assert count_reads["describe_image"] == 9 + 4


def test_an_index_that_cannot_be_written_is_the_one_before(folder, make_set, monkeypatch, tmp_path):
    make_set(folder).load()
    path = tmp_path / "index/n01.json"
    before = path.read_text()
    Image.new("RGB", (6, 6)).save(folder / "n01/0.png")

    def fail(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mgd3_kedro.durable.sync", fail)
    with pytest.raises(DatasetError, match="No space left"):
        make_set(folder).load()
    assert path.read_text() == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 0}', "null", "\0"])
def test_an_index_that_cannot_be_read_is_made_again(content, folder, make_set, tmp_path, pixels):
    make_set(folder).load()
    (tmp_path / "index/n01.json").write_text(content)
    assert torch.equal(make_set(folder).load()["n01"].load()[:], pixels["n01"])


def test_two_sources_with_one_index_are_not_mixed_up(folder, make_set, files, write_form):
    first = make_set(folder).load()
    make_set(write_form("zip", {**files, "n01/0.png": files["n01/1.png"]})).load()
    with pytest.raises(ValueError, match=r"n01\.json: .*; run again, .* benchmark=NAME"):
        first["n01"].load()


def test_progress_is_told(folder, make_set, caplog):
    (folder / "n01/0.png").write_bytes(b"")
    with caplog.at_level(logging.INFO, logger="mgd3_kedro"):
        make_set(folder, bad_images="skip").load()
    assert "indexed n02, 5 images (1 of 2 classes)" in caplog.text
    assert "indexed n01, 3 images, 1 bad (2 of 2 classes)" in caplog.text


def test_an_index_says_what_every_file_is(folder, make_set, tmp_path):
    Image.fromarray(np.zeros((9, 4), np.uint8)).save(folder / "n01/0.png")
    (folder / "n01/1.png").write_bytes(b"")
    make_set(folder, bad_images="skip").load()
    first, second, *_ = json.loads((tmp_path / "index/n01.json").read_text())["images"]
    assert (first["file"], first["pixels"], first["mode"]) == ("n01/0.png", [4, 9], "L")
    assert (second["file"], second["error"]) == (
        "n01/1.png",
        "expected an image, got an empty file",
    )


def test_all_bad_files_are_named_together(folder, make_set):
    for number in range(30):
        (folder / f"n02/bad{number:02}.png").write_bytes(b"no image" * number)
    (folder / "n01/bad.png").write_bytes(b"no image")
    with pytest.raises(DatasetError) as caught:
        make_set(folder).load()
    message = str(caught.value)
    assert "got 31 other files" in message
    assert f"{folder}/n02/bad00.png: expected an image, got an empty file" in message
    assert f"{folder}/n02/bad19.png: expected an image (BMP" in message
    assert "bad20.png" not in message
    assert (
        "and 11 more\nreplace or remove them, or leave them out with --params bad_images=skip"
        in message
    )


def test_bad_files_are_left_out_if_they_may_be(folder, make_set, pixels, caplog):
    (folder / "n02/2.png").write_bytes(b"no image")
    partition = make_set(folder, bad_images="skip").load()["n02"]
    assert partition.count == len(partition.rows) == 4
    assert torch.equal(partition.load()[:], pixels["n02"][[0, 1, 3, 4]])
    assert "left out 1 file, no images" in caplog.text
    assert "n02/2.png: expected an image (" in caplog.text


def test_files_are_named_as_archive_and_member(write_form, files, make_set):
    bad = {**files, "n01/2.png": b"no image"}
    for form, name in {
        "folder": "folder/n01/2.png: expected",
        "zip": "images.zip::n01/2.png: expected",
        "folder in a zip": "inner.zip/set/train::n01/2.png: expected",
        "tar.gz": "images.tar.gz::n01/2.png: expected",
        "parquet, classes by name": "names.parquet::6: expected",
        "parquet, classes in paths": "paths.parquet::6 n01/2.png: expected",
        "parquet shards of a split": "train-00001-of-00002.parquet::1: expected",
        "data set saved to disk": "data-00000-of-00001.arrow::6: expected",
    }.items():
        with pytest.raises(DatasetError) as caught:
            make_set(write_form(form, bad)).load()
        assert name in str(caught.value)


def test_a_file_that_changes_while_it_is_used_is_noticed(folder, make_set, files):
    images = make_set(folder).load()["n01"].load()
    (folder / "n01/0.png").write_bytes(files["n01/1.png"])
    with pytest.raises(ValueError, match=r"n01/0\.png: changed since it was indexed; run again"):
        images[:]


def test_a_file_that_could_not_be_opened_is_tried_again(folder, make_set, monkeypatch):
    from mgd3_kedro.datasets.sources.folder import FolderReader

    def refused(self, entry):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(FolderReader, "read", refused)
        with pytest.raises(DatasetError, match=r"n02/0\.png: Permission denied"):
            make_set(folder).load()
    assert make_set(folder).load()["n02"].count == 5


def test_rows_are_read_when_they_are_asked_for(folder, make_set, tmp_path):
    rows = make_set(folder).load()["n01"].rows
    assert [row["file"] for row in rows] == [f"n01/{number}.png" for number in range(4)]
    assert rows[0] == next(iter(rows))
    assert set(rows[0]) == {"file", "digest"}
    assert len(pickle.dumps(rows)) < 1000


def test_a_class_without_images_counts_none(folder, make_set):
    shutil.rmtree(folder / "n01")
    (folder / "n01").mkdir()
    partition = make_set(folder).load()["n01"]
    assert (partition.count, partition.load()[:].shape) == (0, (0, 3, 6, 6))


@pytest.mark.parametrize("wnid", ["..", "a b", "é", "x" * 200, "a%2Fb", "ช้" * 33, "\udcff"])
def test_a_class_may_be_called_anything(wnid, folder, make_set, tmp_path, files):
    index = ClassIndex(image_index.index_path(tmp_path / "index", wnid), "1")
    index.write(Described([], b"", plain=True))
    assert index.path.parent == tmp_path / "index"
    assert index.path.is_file()
    assert index.read() == ([], b"")


def test_classes_whose_long_names_begin_alike_have_indexes_of_their_own(tmp_path):
    paths = {image_index.index_path(tmp_path, "ช้าง" * 15 + last) for last in ("", "a", "b")}
    assert len(paths) == 3


def test_parts_are_rounded_alike_on_both_sides():
    kept = KeptIndex([{"file": number} for number in range(7)], None)
    for cut in (0.1, 0.5, 0.501, 0.9):
        assert [*Portion(0, cut).of(kept), *Portion(cut, 1).of(kept)] == kept.records


def test_a_handle_is_small_however_many_images_there_are(folder, make_set):
    partition = make_set(folder).load()["n02"]
    assert isinstance(partition.load.func.__self__, IndexedClass)
    assert len(pickle.dumps(partition)) < 2000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"part": [0.5, 0.5]}, r"part: expected 0 <= first < stop <= 1, got \[0\.5, 0\.5\]"),
        ({"part": [0, 1.5]}, "part: expected"),
        ({"part": [0]}, "part: expected"),
        ({"bad_images": "ignore"}, "bad_images: expected one of stop, skip, got 'ignore'"),
        ({"image_size": 0}, "image_size: expected a whole number"),
        ({"jobs": 0}, "jobs: expected a number of processes"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message, folder, make_set):
    with pytest.raises(DatasetError, match=message):
        make_set(folder, **settings)


def test_images_are_never_written(folder, make_set):
    with pytest.raises(DatasetError, match="read only"):
        make_set(folder).save(make_set(folder).load())


def test_a_place_without_images_does_not_exist(folder, make_set):
    assert make_set(folder).exists()
    assert not make_set(folder / "elsewhere").exists()
    with pytest.raises(DatasetError, match=r"expected images at .*elsewhere: one of .*; found no"):
        make_set(folder / "elsewhere").load()
    with pytest.raises(DatasetError, match=r"n01/0\.png: one of .*; found something else"):
        make_set(folder / "n01/0.png").load()
    with pytest.raises(DatasetError, match=r"found no .*nowhere; name another$"):
        make_set(folder / "nowhere/train", if_missing="name another").load()
    with pytest.raises(DatasetError, match=r"found something else"):
        make_set(folder / "n01/0.png", if_missing="name another").load()


def test_what_a_set_is_can_be_read(folder, make_set, tmp_path):
    described = str(make_set(folder, part=[0, 0.5]))
    assert str(folder) in described
    assert "part=[0, 0.5]" in described
