import json
import logging
import os
import stat
import tarfile
import zipfile

import pytest
from image_sets import (
    CLASSES,
    FORMS,
    image_table,
    write_arrow,
    write_parquet,
    write_tar,
    write_zip,
)

from mgd3_kedro.datasets.sources import SOURCES, open_source
from mgd3_kedro.datasets.sources.base import MAX_BYTES, Entry
from mgd3_kedro.datasets.sources.columns import ColumnNames, find_columns
from mgd3_kedro.datasets.sources.splits import split_files
from mgd3_kedro.datasets.sources.tables import LARGE, TableSource


def listed(path, **settings):
    """Return class -> entries of all classes of a source."""
    found = open_source(path, **settings).classes()
    return {wnid: entries() for wnid, entries in found.items()}


def read_all(path):
    source = open_source(path)
    reader = source.open()
    found = [reader.read(e) for entries in source.classes().values() for e in entries()]
    reader.close()
    return found


def test_every_form_has_all_classes_and_other_files_are_left_alone(source):
    assert {wnid: len(entries) for wnid, entries in listed(source).items()} == CLASSES


def test_every_form_gives_the_bytes_of_the_files(source, files):
    assert sorted(read_all(source)) == sorted(files.values())


def test_every_form_lists_the_same_in_the_same_order_again(source):
    assert listed(source) == listed(source)
    for entries in listed(source).values():
        names = [entry.name for entry in entries]
        assert len(set(names)) == len(names)
        assert names == sorted(names, key=lambda name: (len(name), name))


def test_every_kind_of_source_is_one_of_the_forms_that_are_tested(tmp_path, files):
    found = {type(open_source(write(tmp_path, files))) for write in FORMS.values()}
    found |= {
        source.form
        for write in FORMS.values()
        if isinstance(source := open_source(write(tmp_path, files)), TableSource)
    }
    # Tables of either kind are one class of source and two of files.
    assert len(found) == len(SOURCES) + 1


def test_the_last_of_two_members_of_a_name_is_taken_as_unpacking_would(tmp_path, files):
    first, second = files["n01/0.png"], files["n01/1.png"]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("n01/0.png", first)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("n01/0.png", second)
    assert read_all(tmp_path / "x.zip") == [second]
    write_tar(tmp_path / "x.tar", {"n01/0.png": first, "./n01/0.png": second})
    assert read_all(tmp_path / "x.tar") == [second]


def test_a_compressed_tar_stays_in_its_order_and_says_that_it_is_slow(tmp_path, files, caplog):
    backwards = dict(reversed(files.items()))
    names = [e.name for e in listed(write_tar(tmp_path / "x.tgz", backwards, "w:gz"))["n01"]]
    assert names == ["n01/3.png", "n01/2.png", "n01/1.png", "n01/0.png"]
    assert "x.tgz is slow, as it is unpacked from its beginning for every class" in caplog.text
    names = [e.name for e in listed(write_tar(tmp_path / "x.tar", backwards))["n01"]]
    assert names == ["n01/0.png", "n01/1.png", "n01/2.png", "n01/3.png"]


def test_links_of_archives_are_bad_files(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, kind in (("n01/0.png", tarfile.SYMTYPE), ("n01/1.png", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        fifo = tarfile.TarInfo("n01/2.png")
        fifo.type = tarfile.FIFOTYPE
        archive.addfile(fifo)
    problems = [entry.problem for entry in listed(tmp_path / "x.tar")["n01"]]
    assert [problem.split(":")[0] for problem in problems] == [
        "a link, not a file",
        "a link, not a file",
        "not a plain file",
    ]
    link = zipfile.ZipInfo("n01/0.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert listed(tmp_path / "x.zip")["n01"][0].problem == "a link, not a file"


@pytest.mark.parametrize("name", ["../n01/0.png", "/n01/0.png", "n01/../../n01/0.png"])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_name_that_leads_out_of_an_archive_is_a_bad_file(name, write, tmp_path, files):
    path = write(tmp_path / f"x.{write.__name__[-3:]}", {name: files["n01/0.png"]})
    (entry,) = listed(path)["n01"]
    assert (entry.name, entry.problem) == (name, "a path that leads out of the archive")


def test_members_that_cannot_be_unpacked_are_bad_files(tmp_path, files):
    write_zip(tmp_path / "x.zip", {"n01/0.png": files["n01/0.png"]}, zipfile.ZIP_LZMA)
    assert "packed by method 14" in listed(tmp_path / "x.zip")["n01"][0].problem
    path = write_zip(tmp_path / "y.zip", {"n01/0.png": files["n01/0.png"]})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert listed(path)["n01"][0].problem == "encrypted"


def test_of_links_in_folders_those_to_files_are_followed(tmp_path, files):
    (tmp_path / "set/n01").mkdir(parents=True)
    (tmp_path / "file").write_bytes(files["n01/0.png"])
    (tmp_path / "set/n01/0.png").symlink_to(tmp_path / "file")
    (tmp_path / "set/n01/1.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "set/n01/2.png").mkdir()
    (tmp_path / "set/n01/loop").symlink_to(tmp_path / "set/n01")
    os.mkfifo(tmp_path / "set/n01/3.png")
    problems = {entry.name: entry.problem for entry in listed(tmp_path / "set")["n01"]}
    assert problems == {
        "n01/0.png": "",
        "n01/1.png": f"a link to {tmp_path}/nothing, which is not there",
        "n01/3.png": "neither a file nor a link to one",
    }


def test_links_to_folders_are_followed_once(tmp_path, files):
    (tmp_path / "set/n01/sub").mkdir(parents=True)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/0.png").write_bytes(files["n01/0.png"])
    (tmp_path / "set/n01/linked").symlink_to(tmp_path / "more")
    (tmp_path / "set/n01/sub/up").symlink_to(tmp_path / "set/n01")
    (tmp_path / "set/n01/all").symlink_to(tmp_path / "set")
    (tmp_path / "set/n02").mkdir()
    (tmp_path / "set/n02/0.png").write_bytes(files["n02/0.png"])
    names = [entry.name for entry in listed(tmp_path / "set")["n01"]]
    assert names == ["n01/linked/0.png"]


def test_what_a_terminal_should_not_show_is_escaped(tmp_path):
    assert open_source(tmp_path).where("n01/\x1b[2J\n\udcff.png") == (
        f"{tmp_path}/n01/\\x1b[2J\\n\\udcff.png"
    )


def test_a_folder_of_several_splits_needs_the_name_of_one(tmp_path, files):
    for split in ("train", "validation"):
        write_parquet(tmp_path / f"{split}-00000-of-00001.parquet", image_table(files))
    with pytest.raises(ValueError, match=r"one split, got train, validation: name one, .*/train"):
        open_source(tmp_path)
    assert split_files(tmp_path / "val", ".parquet")[0].name.startswith("validation")
    (tmp_path / "saved/train").mkdir(parents=True)
    (tmp_path / "saved/dataset_dict.json").write_text("{}")
    with pytest.raises(ValueError, match=r"saved: expected one split, got train: name one"):
        open_source(tmp_path / "saved")


@pytest.mark.parametrize(
    ("asked", "name", "found"),
    [
        ("train", "train.parquet", True),
        ("train", "train-00000-of-00009.parquet", True),
        ("train", "imagenet-1k-train-00000-of-00009.parquet", True),
        ("train", "training.parquet", True),
        ("train", "trained.parquet", False),
        ("train", "test.parquet", False),
        ("val", "validation-0.parquet", True),
        ("test", "test.parquet", True),
        ("extra", "extra_0.parquet", True),
        ("t.*n", "train.parquet", False),
    ],
)
def test_a_split_is_found_by_its_name(asked, name, found, tmp_path):
    (tmp_path / name).touch()
    assert split_files(tmp_path / asked, ".parquet") == ((tmp_path / name,) if found else ())


def schema(**columns):
    import pyarrow as pa

    return pa.schema(columns)


def test_columns_are_found_by_what_they_hold(tmp_path):
    import pyarrow as pa

    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    cases = {
        schema_of: find_columns(schema_of, tmp_path)[:2]
        for schema_of in (
            schema(img=image, label=pa.int64()),
            schema(mask=pa.binary(), image=pa.large_binary(), labels=pa.int8()),
            schema(image=pa.binary(), label=pa.dictionary(pa.int8(), pa.string())),
            schema(image=pa.binary(), file=pa.large_string()),
        )
    }
    assert list(cases.values()) == [
        ("img", "label"),
        ("image", "labels"),
        ("image", "label"),
        ("image", None),
    ]


def test_columns_that_cannot_be_told_are_asked_for(tmp_path):
    import pyarrow as pa

    both = schema(image=pa.binary(), fine_label=pa.int64(), label=pa.int64())
    with pytest.raises(ValueError, match=r"one column of classes, got fine_label, label; name it"):
        find_columns(both, tmp_path)
    assert find_columns(both, tmp_path, ColumnNames(classes="fine_label")).label == "fine_label"
    two = schema(photo=pa.binary(), mask=pa.binary(), label=pa.int64())
    with pytest.raises(ValueError, match=r"one column of images, .* --params columns\.images=NAME"):
        find_columns(two, tmp_path)
    assert find_columns(two, tmp_path, ColumnNames("mask")).image == "mask"
    with pytest.raises(ValueError, match="expected a column of images, got text; name it"):
        find_columns(schema(text=pa.string()), tmp_path)
    with pytest.raises(ValueError, match="expected a column of classes, got image, size; name it"):
        find_columns(schema(image=pa.binary(), size=pa.int64()), tmp_path)
    with pytest.raises(ValueError, match="label: expected a column of whole numbers or names"):
        find_columns(schema(image=pa.binary(), label=pa.float64()), tmp_path)


def test_a_named_column_has_to_exist_and_to_fit(tmp_path):
    import pyarrow as pa

    table = schema(image=pa.binary(), label=pa.int64())
    for given in (ColumnNames("x"), ColumnNames(classes="x")):
        with pytest.raises(ValueError, match=r"columns\.\w+: expected one of image, .*, got 'x'"):
            find_columns(table, tmp_path, given)
    with pytest.raises(ValueError, match="label: expected a column of image files, as bytes, got"):
        find_columns(table, tmp_path, ColumnNames("label"))


def test_names_of_columns_are_text_and_may_look_like_numbers():
    assert ColumnNames.of({"classes": 3, "images": None}) == ColumnNames(None, "3")
    assert ColumnNames.of(None) == ColumnNames()


def test_another_column_of_images_is_another_listing(tmp_path, files):
    table = image_table(files)
    write_parquet(tmp_path / "x.parquet", table.append_column("mask", table["image"]))
    stamps = [
        listed(tmp_path / "x.parquet", columns=given)["0"][0].stamp
        for given in (ColumnNames(), ColumnNames("image"), ColumnNames("mask"))
    ]
    assert len(set(stamps)) == 3


def test_numbers_without_names_are_names(tmp_path, files):
    write_parquet(tmp_path / "x.parquet", image_table(files))
    assert list(listed(tmp_path / "x.parquet")) == ["0", "1", "2"]


def test_a_list_beside_the_data_is_believed_first(tmp_path, files):
    write_parquet(tmp_path / "x.parquet", image_table(files, labels="noted"))
    (tmp_path / "classes.json").write_text('["a", "b", "c"]')
    assert sorted(listed(tmp_path / "x.parquet")) == ["a", "b", "c"]
    for numbered in ({"a": 0, "c": 2, "b": 1}, {"1": "b", "0": "a", "2": ["c", "sea"]}):
        (tmp_path / "classes.json").write_text(json.dumps(numbered))
        assert {wnid: len(one) for wnid, one in listed(tmp_path / "x.parquet").items()} == {
            "a": 3,
            "b": 5,
            "c": 4,
        }
    (tmp_path / "classes.json").write_text('["a"]')
    with pytest.raises(ValueError, match="numbers below 1, which have names, got 2"):
        listed(tmp_path / "x.parquet")
    (tmp_path / "classes.json").write_text('[{"id": 4}]')
    with pytest.raises(ValueError, match=r"classes\.json: expected a list of names"):
        listed(tmp_path / "x.parquet")


def test_classes_of_one_name_are_kept_apart(tmp_path, files):
    write_parquet(tmp_path / "x.parquet", image_table(files))
    (tmp_path / "classes.json").write_text('["crane", "owl", "crane"]')
    assert sorted(listed(tmp_path / "x.parquet")) == ["crane (0)", "crane (2)", "owl"]


def test_rows_without_a_class_belong_to_none(tmp_path, files):
    import pyarrow as pa

    table = image_table(files, labels="noted")
    for missing in (-1, None):
        labels = table["label"].to_pylist()
        labels[0] = missing
        changed = table.set_column(1, "label", pa.array(labels, pa.int16()))
        write_parquet(tmp_path / "x.parquet", changed)
        assert sum(map(len, listed(tmp_path / "x.parquet").values())) == len(files) - 1


def test_a_row_without_bytes_is_a_bad_file(tmp_path):
    import pyarrow as pa

    image = pa.array([{"bytes": None, "path": "x.png"}], pa.struct({"bytes": pa.binary()}))
    write_arrow(tmp_path / "x.arrow", pa.table({"image": image, "label": ["n01"]}))
    with pytest.raises(ValueError, match="no bytes are stored in the row"):
        read_all(tmp_path / "x.arrow")


def test_scattered_rows_of_large_files_are_worth_a_word(tmp_path, files, caplog, monkeypatch):
    from mgd3_kedro.datasets.sources import tables

    path = write_parquet(tmp_path / "x.parquet", image_table(files))
    listed(path)
    assert "scattered" not in caplog.text
    monkeypatch.setattr(tables, "LARGE", 1)
    monkeypatch.setattr(tables, "OFTEN", 2)
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        listed(path)
    # Of three groups of four rows, the first two have three classes and the last has two.
    assert "the whole table is read 3 times for one pass" in caplog.text
    assert LARGE > 1


def test_a_member_larger_than_any_image_is_not_read():
    from mgd3_kedro.datasets.image_reader import read_bytes

    with pytest.raises(ValueError, match=r"^x: .* bytes, more than any image"):
        read_bytes(None, Entry("x", MAX_BYTES + 1, (0,), ()), "x")
