"""Images in one folder, with a list that gives the class of each."""

import json
from pathlib import Path

import pytest
from image_sets import image_of, png, write_folder

from mgd3_kedro.datasets.sources import ColumnNames, open_source
from mgd3_kedro.datasets.sources.folder import FolderSource
from mgd3_kedro.datasets.sources.listed import ListedSource
from mgd3_kedro.datasets.split_images import open_split

IMAGE = png(image_of("n01", 0))


def make(folder, rows, names=("a.png", "b.png"), table="labels.csv"):
    write_folder(folder / "pets", dict.fromkeys(names, IMAGE))
    (folder / "pets" / table).write_text("\n".join(rows), encoding="utf-8-sig")
    return folder / "pets"


def entries_of(path, **columns):
    classes = open_source(path, ColumnNames(**columns)).classes()
    return {wnid: list(entries()) for wnid, entries in classes.items()}


def listed(path, **columns):
    """Return class -> names of its images."""
    found = entries_of(path, **columns).items()
    return {wnid: [entry.name for entry in entries] for wnid, entries in found}


def test_a_list_in_the_folder_gives_the_classes(tmp_path):
    rows = ["file_name,size,label", "b.png,3,owl", "a.png,4,hen", "c.png,4,", "d.png"]
    path = make(tmp_path, rows, ["a.png", "b.png", "c.png", "d.png"])
    assert listed(path) == {"hen": ["a.png"], "owl": ["b.png"]}
    (path / "classes.json").write_text('["hen", "owl"]')
    (path / "labels.csv").write_text("file_name,label\nb.png,0\na.png,1")
    assert listed(path) == {"hen": ["b.png"], "owl": ["a.png"]}


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("metadata.csv", ["file_name,label", "a.png,1"]),
        ("labels.tsv", ["label\tfile", "1\ta.png"]),
        ("metadata.jsonl", [json.dumps({"file_name": "a.png", "label": 1, "size": None}), ""]),
    ],
)
def test_lists_have_several_forms(table, rows, tmp_path):
    assert listed(make(tmp_path, rows, table=table)) == {"1": ["a.png"]}


def test_a_name_may_leave_out_folder_and_suffix_if_it_is_the_only_one(tmp_path):
    names = ["x/a.png", "x/b.png", "x/b.jpg", "x/y/c.d.png"]
    rows = ["id,kind", "a,hen", "x/b.jpg,hen", "b,owl", "c.d,owl", "../pets/x/a.png,owl", "z,owl"]
    found = entries_of(make(tmp_path, rows, names))
    problems = {entry.name: entry.problem for entry in found["owl"]}
    assert [entry.name for entry in found["hen"]] == ["x/a.png", "x/b.jpg"]
    assert sorted(problems) == ["../pets/x/a.png", "b", "x/y/c.d.png", "z"]
    assert problems.pop("x/y/c.d.png") == ""
    assert set(problems.values()) == {
        "listed in labels.csv, but there is no image of this name, or several"
    }


def test_columns_that_are_not_clear_are_asked_for(tmp_path):
    path = make(tmp_path, ["photo,breed,age", "a.png,owl,3"])
    with pytest.raises(ValueError, match=r"labels\.csv: .*one column of images, got photo, breed"):
        listed(path)
    with pytest.raises(ValueError, match=r"got breed, age; name it with .*columns\.classes=NAME"):
        listed(path, images="photo")
    assert listed(path, images="photo", classes="breed") == {"owl": ["a.png"]}
    with pytest.raises(ValueError, match=r"columns\.classes: expected one of photo, .*, got 'x'"):
        listed(path, images="photo", classes="x")


def test_an_image_of_two_classes_is_refused(tmp_path):
    path = make(tmp_path, ["file,label", "a.png,owl", "a,owl", "a,hen"])
    with pytest.raises(ValueError, match=r"a\.png is listed as owl and as hen"):
        listed(path)


@pytest.mark.parametrize(
    ("table", "text"), [("labels.csv", ""), ("metadata.jsonl", "{"), ("metadata.jsonl", "3")]
)
def test_a_damaged_list_is_named(table, text, tmp_path):
    with pytest.raises(ValueError, match=rf"{table}: expected a list of images"):
        listed(make(tmp_path, [text], table=table))


def test_class_folders_stay_classes_unless_a_column_is_named(tmp_path):
    rows = ["file_name,label", "n01/0.png,owl"]
    path = make(tmp_path, rows, ["n01/0.png", "n02/0.png"], "metadata.csv")
    assert isinstance(open_source(path), FolderSource)
    assert listed(path, classes="label") == {"owl": ["n01/0.png"]}


def test_images_with_a_list_are_split_as_any_set_is(tmp_path):
    path = make(tmp_path, ["file,label", "a.png,owl", "b.png,hen"])
    _, source, classes, side = open_split(path / "val")
    assert (type(source), list(classes), side) == (ListedSource, ["hen", "owl"], "test")
    assert source.open().read(classes["hen"]()[0]) == IMAGE
    assert source.where("a.png") == str(path / "a.png")


def test_a_list_may_write_paths_and_have_spaces_and_other_separators(tmp_path):
    rows = [
        "file;kind",
        f"{tmp_path}/pets/a.png; owl ",
        "./b.png;hen",
        "pets/c.png;owl",
        "d.png;owl",
    ]
    path = make(tmp_path, rows, ["a.png", "b.png", "c.png", "d.png"])
    assert listed(path) == {"hen": ["b.png"], "owl": ["a.png", "c.png", "d.png"]}


def test_texts_that_all_differ_are_no_classes(tmp_path):
    path = make(tmp_path, ["file_name,text", "a.png,an owl", "b.png,a hen"])
    with pytest.raises(ValueError, match=r"got text, which is different .*columns\.classes=NAME"):
        listed(path)
    assert len(listed(path, classes="text")) == 2


def test_a_list_that_is_not_read_is_told(tmp_path, caplog):
    rows = ["file_name,label", "x/0.png,owl"]
    path = make(tmp_path, rows, ["x/0.png", "y/0.png"])
    assert list(listed(path)) == ["x", "y"]
    assert "its folders are the classes, not a column of" in caplog.text


def test_the_folder_that_one_is_in_may_have_a_list(tmp_path, monkeypatch):
    monkeypatch.chdir(make(tmp_path, ["file_name,label", "a.png,owl"]))
    assert listed(Path()) == {"owl": ["a.png"]}
