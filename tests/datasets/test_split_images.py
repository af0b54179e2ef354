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


@pytest.mark.parametrize("name", ["val", "Val"])
def test_a_folder_without_classes_is_no_split(name, tmp_path):
    root = put(tmp_path / "set", "train/a", "train/b", "test/b")
    (root / name).mkdir()
    assert found(root / "val") == ("test", ["b"], None)
    (root / name / "0.png").write_bytes(IMAGE)
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
    assert (
        f"{root}/val: no classes of images there; images are read from {root}/test" in caplog.text
    )
    assert f"{root}/test: indexed" in caplog.text
    caplog.clear()
    make_set(root / "train").load()
    assert "no classes of images" not in caplog.text


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


FOLDERS = {
    "dogs and cats, unlabelled": ["train", "test1"],
    "a split with another word": ["seg_train/a", "seg_train/b", "pred_test/a"],
    "images and masks": ["train/images", "train/masks", "val/images", "val/masks"],
    "a split with a number": ["cats", "dogs", "test1"],
    "unlabelled images of a split": ["cats", "dogs", "test_unlabelled/a", "test_unlabelled/b"],
    "images without a class": ["cats", "dogs", "unlabeled"],
    "a copy of the set within it": ["yes", "no", "tumors/yes", "tumors/no"],
    "images and segmentations": ["CUB_200", "segmentations"],
    "parts of a set": ["HAM10000_images_part_1", "HAM10000_images_part_2"],
    "parts of splits": ["train.X1/a", "train.X2/b", "val.X/a", "val.X/b"],
    "images beside one class": ["images", "cats"],
    "images and their annotations": ["images", "annotations/trimaps"],
    "a split without classes beside classes": ["cats", "dogs", "test"],
}
"""Folders that are no classes."""


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
@pytest.mark.parametrize("folders", FOLDERS.values(), ids=FOLDERS)
def test_folders_that_are_no_classes_are_not_split(folders, form, tmp_path):
    assert has_none(write_as(form, tmp_path / "set", folders) / "val")


def has_none(path):
    """Return whether a split has no classes, in an archive, or is not there at all."""
    try:
        return open_split(path).classes == {}
    except ValueError as error:
        return f"expected images at {path}: " in str(error)


def write_as(form, path, folders):
    """Write an image into folders of a folder or of an archive."""
    files = {f"{folder}/0.png": IMAGE for folder in folders}
    if form == "folder":
        return write_folder(path, files)
    return {"zip": write_zip, "tar": write_tar}[form](path.with_suffix(f".{form}"), files)


def test_two_classes_may_have_the_words_of_splits_among_others(tmp_path):
    names = ["bullet-train", "eel", "owl", "test-tube", "zebra"]
    assert found(put(tmp_path / "set", *names) / "train") == (".", names, "train")


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
@pytest.mark.parametrize(
    ("folders", "place", "classes"),
    [
        (["train/images/a", "train/images/b"], "train/images", ["a", "b"]),
        (["train/train/a", "val/a"], "train/train", ["a"]),
        (["train/images/a", "train/images/b", "train/masks/a"], "train/images", ["a", "b"]),
        (["train2017/a", "val2017/a"], "train2017", ["a"]),
        (
            ["seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/a"],
            "seg_train/seg_train",
            ["a", "b"],
        ),
        (["my-Train/a", "my-val/a", "my-docs"], "my-Train", ["a"]),
        (["data_256/a", "data_256/b", "val_256"], "data_256", ["a", "b"]),
        (["Images/a", "Images/b"], "Images", ["a", "b"]),
        (["sets/pets/train/a", "sets/pets/val/a"], "sets/pets/train", ["a"]),
        (["pets/train/a", "pets/val/a", "docs"], "pets/train", ["a"]),
    ],
)
def test_classes_may_be_in_a_folder_below(folders, place, classes, form, tmp_path):
    assert found(write_as(form, tmp_path / "set", folders) / "train")[:2] == (place, classes)


def test_documents_beside_classes_or_beside_a_set_are_passed_over(tmp_path):
    for root, inner in ((tmp_path / "flat", ""), (tmp_path / "set", "JPEGImages/")):
        put(root, f"{inner}a", f"{inner}b")
        for name in ("docs", "Annotation"):
            (root / name).mkdir()
            (root / name / "notes.txt").touch()
        place = inner.rstrip("/") or "."
        assert found(root / "train") == (place, ["a", "b"], "train")
    write_parquet(tmp_path / "hub/data/train-0.parquet", image_table({"n01/0.png": IMAGE}))
    put(tmp_path / "hub", "assets")
    assert found(tmp_path / "hub/train") == ("data/train", ["0"], None)


def test_several_places_that_may_be_meant_are_named(tmp_path):
    root = put(tmp_path / "set", "training/a", "train_images/b", "test/a")
    with pytest.raises(ValueError, match=r"for train, got .*/train_images, .*/training; call"):
        found(root / "train")
    root = put(tmp_path / "more", "a/train/x", "b/train/x")
    with pytest.raises(ValueError, match=r"for train, got .*/a/train, .*/b/train; call .*data=FOL"):
        found(root / "train")


def test_of_two_sets_beside_each_other_one_has_to_be_named(tmp_path):
    root = put(tmp_path / "set", "a_train/x", "a_test/x", "b_train/y", "b_test/y")
    with pytest.raises(ValueError, match=r"for train, got .*/a_train, .*/b_train; call"):
        found(root / "train")


def test_parts_of_an_archive_are_not_read_as_the_whole(tmp_path):
    root = put(tmp_path / "set", "val/a")
    for number in (1, 2):
        write_zip(root / f"train.part{number}.zip", {f"{number}/0.png": IMAGE})
    with pytest.raises(ValueError, match=r"are train\.part1\.zip, train\.part2\.zip, val"):
        found(root / "train")


@pytest.mark.parametrize("inner", ["", "train/"])
@pytest.mark.parametrize("form", ["zip", "tar"])
def test_an_archive_of_images_without_classes_is_no_class(inner, form, tmp_path):
    root = put(tmp_path / "set", "val/a", "val/b")
    write = {"zip": write_zip, "tar": write_tar}[form]
    write(root / f"train.{form}", {f"{inner}{number}.png": IMAGE for number in range(2)})
    assert has_none(root / "train")


def test_train_is_a_class_where_it_is_an_archive_of_one(tmp_path):
    for name in ("cats", "dogs", "train"):
        write_tar(tmp_path / f"set/{name}.tar", {"0.png": IMAGE})
    assert found(tmp_path / "set/val") == (".", ["cats", "dogs", "train"], "test")


def test_files_may_have_words_before_their_split(tmp_path, files):
    for name in ("cifar_train.parquet", "cifar_test.parquet"):
        write_parquet(tmp_path / "set" / name, image_table(files))
    assert [found(tmp_path / "set" / split)[0] for split in ("train", "val")] == ["train", "test"]


def test_an_archive_may_be_alone_in_a_folder(tmp_path):
    root = put(tmp_path / "set", "docs")
    write_zip(root / "pets.zip", {"pets/a/0.png": IMAGE, "pets/b/0.png": IMAGE})
    assert found(root / "val") == ("pets.zip/pets", ["a", "b"], "test")


def test_a_class_may_be_called_mask_where_no_folder_has_all_images(tmp_path):
    assert found(put(tmp_path / "set", "Mask", "No_Mask") / "train")[1] == ["Mask", "No_Mask"]


def test_classes_may_have_the_word_images_and_years_within(tmp_path, caplog):
    names = ["fake_images", "real_images"]
    folders = [f"{name}/{year}" for name in names for year in (2019, 2020)]
    assert found(put(tmp_path / "set", *folders) / "train")[:2] == (".", names)
    assert "are read as classes" not in caplog.text


def test_classes_with_the_same_folders_within_are_warned_of(tmp_path, caplog):
    root = put(
        tmp_path / "set", *(f"{look}/{name}" for look in ("color", "grey") for name in "abc")
    )
    assert found(root / "train")[1] == ["color", "grey"]
    assert "color and grey are read as classes, and both have folders a, b, c" in caplog.text


def test_a_class_called_train_with_folders_within_is_asked_about(tmp_path):
    root = put(
        tmp_path / "set", "train/train/steam", "train/train/electric", "train/car", "test/car"
    )
    with pytest.raises(ValueError, match=r"with all of them, got train, car; move the others away"):
        found(root / "train")


def test_class_folders_without_images_are_no_split(tmp_path):
    root = put(tmp_path / "set", "train/a", "test/a")
    (root / "val/a").mkdir(parents=True)
    assert found(root / "val")[0] == "test"
    (root / "Annotations/train/a").mkdir(parents=True)
    assert found(put(tmp_path / "more", "Data/train/a") / "train")[0] == "Data/train"


@pytest.mark.parametrize(
    ("names", "split", "used"),
    [
        (["train", "train_val", "test"], "train", ["train"]),
        (["train", "train_val", "test"], "val", ["test"]),
        (["train-0", "train-1", "unlabeled_train-0"], "train", ["train-0", "train-1"]),
        (["train", "train_small"], "train", ["train"]),
        (["train_stations-train", "train_stations-test"], "train", ["train_stations-train"]),
        (["train-00000-of-00001-0123456789abcdef"], "train", None),
    ],
)
def test_files_of_other_sets_and_splits_are_no_part_of_a_split(names, split, used, tmp_path, files):
    for name in names:
        write_parquet(tmp_path / "set" / f"{name}.parquet", image_table(files))
    source = open_split(tmp_path / "set" / split).source
    assert [file.stem for file in source.files] == (used or names)


def test_files_of_two_sets_are_named(tmp_path, files):
    for name in ("small-train-0", "full-train-0"):
        write_parquet(tmp_path / f"set/{name}.parquet", image_table(files))
    with pytest.raises(ValueError, match=r"one set for train, got full-train-0.*, small-train-0"):
        found(tmp_path / "set/train")


def test_an_archive_of_archives_is_not_taken_for_a_split_that_was_not_named(tmp_path):
    for split in ("train", "val"):
        write_tar(tmp_path / f"set/img_{split}.tar", {"n01.tar": b""})
    assert has_none(tmp_path / "set/train")
