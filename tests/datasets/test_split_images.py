"""Splits that have other names than train and val, and images that have none."""

import logging

import pytest
from image_sets import image_of, image_table, png, write_folder, write_parquet, write_tar, write_zip
from kedro.io import DatasetError

from mgd3_kedro.datasets.sources.splits import split_called
from mgd3_kedro.datasets.split_images import open_split

IMAGE = png(image_of("n01", 0))


def put(root, *folders):
    """Write an image into folders, and return the folder that they are in."""
    return write_folder(root, {f"{folder}/0.png": IMAGE for folder in folders})


def found(path):
    """Return the place of a split below its set, with its classes."""
    opened = open_split(path)
    place = opened.place.relative_to(path.parent).as_posix()
    return place, sorted(opened.classes), opened.side


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("training_set", "train"),
        ("trainset", "train"),
        ("train_images", "train"),
        ("VALID", "val"),
        ("validation-data", "val"),
        ("Test Set", "test"),
        ("trains", None),
        ("retrain", None),
        ("bullet-train", None),
        ("valley", None),
        ("images", None),
        ("dataset", None),
        ("n01", None),
    ],
)
def test_a_split_may_have_one_of_the_usual_names(name, split):
    assert split_called(name) == split


@pytest.mark.parametrize(
    ("asked", "folders", "place"),
    [
        ("train", ("Training/a", "Testing/a"), "Training"),
        ("val", ("Training/a", "Testing/a"), "Testing"),
        ("val", ("train/a", "valid/a", "test/b"), "valid"),
        ("val", ("train/a", "validation_set/a", "val/a"), "val"),
        ("val", ("train/a", "VALID/a", "Val/a"), "Val"),
        ("val", ("train/a", "Validation/a", "test/b"), "Validation"),
        ("test", ("train/a", "test_images/a", "val/a"), "test_images"),
    ],
)
@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_a_split_is_found_by_another_name(asked, folders, place, form, tmp_path):
    files = {f"{folder}/0.png": IMAGE for folder in folders}
    write = {"folder": write_folder, "zip": write_zip, "tar": write_tar}[form]
    root = write(tmp_path / ("set" if form == "folder" else f"set.{form}"), files)
    name = next(folder for folder in folders if folder.startswith(f"{place}/"))[-1]
    assert found(root / asked) == (place, [name], None)


def test_an_empty_folder_is_no_split_to_read_instead(tmp_path):
    root = put(tmp_path / "set", "train/a", "train/b", "test/b")
    (root / "val").mkdir()
    assert found(root / "val") == ("val", [], None)
    (root / "val").rmdir()
    (root / "Val").mkdir()
    assert found(root / "val") == ("test", ["b"], None)


def test_files_of_tables_are_read_instead_as_folders_are(tmp_path, files):
    for name in ("train-0.parquet", "test-0.parquet"):
        write_parquet(tmp_path / "set" / name, image_table(files))
    assert found(tmp_path / "set/val")[0] == "test"
    assert found(tmp_path / "set/train")[0] == "train"


def test_an_archive_may_be_called_after_a_split_and_have_a_folder_of_its_name(tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    write_zip(root / "train.zip", {"train/a/0.png": IMAGE, "train/b/0.png": IMAGE})
    write_zip(root / "Test.zip", {"a/0.png": IMAGE, "b/0.png": IMAGE})
    assert found(root / "train") == ("train.zip/train", ["a", "b"], None)
    assert found(root / "val") == ("Test.zip", ["a", "b"], None)


def test_what_is_read_instead_is_told(make_set, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="mgd3_kedro")
    root = put(tmp_path / "set", "train/n01", "train/n02", "test/n01", "test/n02")
    make_set(root / "val").load()
    assert f"{root}/val: not found; images are read from {root}/test" in caplog.text
    assert f"{root}/test: indexed" in caplog.text
    caplog.clear()
    make_set(root / "train").load()
    assert "not found" not in caplog.text


@pytest.mark.parametrize("asked", ["train", "val"])
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_train_is_a_class_where_it_has_images_and_no_classes(asked, form, tmp_path):
    files = {f"{name}/0.png": IMAGE for name in ("boat", "car", "train")}
    root = (
        write_folder(tmp_path / "set", files)
        if form == "folder"
        else write_zip(tmp_path / "set.zip", files)
    )
    side = {"train": "train", "val": "test"}[asked]
    assert found(root / asked) == (".", ["boat", "car", "train"], side)


def test_images_without_classes_beside_others_are_no_classes(tmp_path):
    root = put(tmp_path / "set", "train", "test")
    for name in ("train", "test"):
        assert found(root / name) == (name, [], None)
    with pytest.raises(ValueError, match=r"expected images at .*/val: .*found nothing"):
        found(root / "val")


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_all_images_may_be_in_one_folder(form, tmp_path):
    files = {f"pets/{name}/0.png": IMAGE for name in ("train/a", "train/b", "test/a")}
    whole = {f"pets/{name}/0.png": IMAGE for name in ("a", "b")}
    write, suffix = (write_folder, "") if form == "folder" else (write_zip, ".zip")
    root = write(tmp_path / f"set{suffix}", files)
    assert found(root / "train") == ("pets/train", ["a", "b"], None)
    assert found(root / "val") == ("pets/test", ["a"], None)
    root = write(tmp_path / f"whole{suffix}", whole)
    assert found(root / "val") == ("pets", ["a", "b"], "test")


def test_what_is_damaged_is_told_and_not_passed_over(make_set, tmp_path):
    root = put(tmp_path / "set", "test/n01", "test/n02")
    (root / "val.zip").write_bytes(b"no archive")
    with pytest.raises(DatasetError, match=r"val\.zip: expected a zip archive"):
        make_set(root / "val").load()


@pytest.mark.parametrize("name", ["train.csv", "train_labels.tsv", "labels.csv"])
def test_a_list_may_be_called_after_the_split_of_its_folder(name, tmp_path):
    images = {f"Train_images/{n}.png": IMAGE for n in (1, 2)}
    root = write_folder(tmp_path / "set", images | {"test/3.png": IMAGE})
    (root / name).write_text("id,label\n1,owl\n2,hen\n")
    assert found(root / "train") == ("Train_images", ["hen", "owl"], None)
    with pytest.raises(ValueError, match=r"expected images at .*/val: .*found nothing"):
        found(root / "val")
