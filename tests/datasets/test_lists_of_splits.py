"""Lists of images beside the folders of splits, and lists that tell the split of each image."""

import pytest
from image_sets import image_of, image_table, png, write_folder, write_parquet

from mgd3_kedro.datasets.sources import ColumnNames, open_source
from mgd3_kedro.datasets.split_images import open_split

IMAGE = png(image_of("n01", 0))


def make(root, table, rows, names):
    """Write a list and images, and return the folder that they are in."""
    write_folder(root, dict.fromkeys(names, IMAGE))
    (root / table).write_text("\n".join(rows))
    return root


def found(path):
    """Return class -> names of the images of a split, and the side."""
    opened = open_split(path)
    classes = {name: [e.name for e in listing()] for name, listing in opened.classes.items()}
    return classes, opened.side


@pytest.mark.parametrize("table", ["train.csv", "Train.CSV", "train_labels.tsv", "Labels.csv"])
def test_a_list_may_be_called_after_the_split_of_its_folder(table, tmp_path):
    names = ["Train_images/1.png", "Train_images/2.png", "test/3.png"]
    root = make(tmp_path / "set", table, ["Id,Label", "1,owl", "2,hen"], names)
    assert found(root / "train") == ({"hen": ["2.png"], "owl": ["1.png"]}, None)
    with pytest.raises(ValueError, match=r"expected images at .*/val: .*found nothing"):
        found(root / "val")


@pytest.mark.parametrize("rest", [["4.png,hen,"], ["4.png,hen,unlabeled"], ["4.png,hen,extra"]])
def test_images_of_no_split_are_left_out(rest, tmp_path):
    rows = ["file,label,split", "1.png,owl,train", "2.png,hen,train", "3.png,owl,dev", *rest]
    root = make(tmp_path / "set", "labels.csv", rows, [f"{number}.png" for number in (1, 2, 3, 4)])
    assert found(root / "train") == ({"hen": ["2.png"], "owl": ["1.png"]}, None)
    assert found(root / "val") == ({"owl": ["3.png"]}, None)


def test_a_column_that_tells_splits_in_another_way_is_refused(tmp_path):
    rows = ["file,label,is_train", "1.png,owl,1", "2.png,hen,0", "3.png,owl,0"]
    root = make(tmp_path / "set", "labels.csv", rows, [f"{number}.png" for number in (1, 2, 3)])
    with pytest.raises(ValueError, match=r"labels\.csv: .* got 0, 1 in the column is_train;"):
        found(root / "train")


def test_a_table_with_rows_of_several_splits_is_refused(tmp_path, files):
    table = image_table(files)
    told = ["train", "test"] * (len(table) // 2)
    path = write_parquet(tmp_path / "set/pets.parquet", table.append_column("split", [told]))
    with pytest.raises(ValueError, match=r"rows of one split, got train, test in the column split"):
        open_source(path).classes()


@pytest.mark.parametrize("written", ["images/train/{}", "train/{}"])
def test_names_of_images_may_tell_their_split(written, tmp_path):
    rows = ["image,label", *(f"{written.format(n)},owl" for n in ("1.png", "2.png"))]
    rows += [f"{written.replace('train', 'test').format('1.png')},hen"]
    names = ["images/train/1.png", "images/train/2.png", "images/test/1.png"]
    root = make(tmp_path / "set", "labels.csv", rows, names)
    assert found(root / "train") == ({"owl": names[:2]}, None)
    assert found(root / "val") == ({"hen": names[2:]}, None)


def test_lists_of_splits_may_be_beside_one_folder_of_images(tmp_path):
    names = [f"images/{number}.png" for number in (1, 2, 3)]
    root = make(tmp_path / "set", "train.csv", ["image,label", "1.png,owl", "2.png,hen"], names)
    assert found(root / "train") == ({"hen": ["images/2.png"], "owl": ["images/1.png"]}, None)
    (root / "test.csv").write_text("image\n3.png\n")
    with pytest.raises(ValueError, match=r"expected images at .*/val"):
        found(root / "val")
    (root / "test.csv").write_text("image,label\n3.png,owl\n")
    assert found(root / "val") == ({"owl": ["images/3.png"]}, None)


@pytest.mark.parametrize("place", ["", "images/"])
def test_a_column_may_tell_the_split_of_each_image(place, tmp_path):
    rows = ["file,label,set", "1.png,owl,train", "2.png,hen,TRAIN", "3.png,owl,test"]
    names = [f"{place}{number}.png" for number in (1, 2, 3)]
    root = make(tmp_path / "set", "labels.csv", rows, names)
    assert found(root / "train") == ({"hen": [names[1]], "owl": [names[0]]}, None)
    assert found(root / "val") == ({"owl": [names[2]]}, None)
    with pytest.raises(ValueError, match=r"of one split, got TRAIN, test, train in the column set"):
        open_source(root).classes()


def test_a_list_above_the_folders_of_splits_is_read_for_each(tmp_path):
    names = ["train/1.png", "train/2.png", "test/1.png"]
    rows = ["file_name,label", "train/1.png,owl", "train/2.png,hen", "test/1.png,hen"]
    root = make(tmp_path / "set", "metadata.csv", rows, names)
    assert found(root / "train") == ({"hen": ["2.png"], "owl": ["1.png"]}, None)
    assert found(root / "val") == ({"hen": ["1.png"]}, None)


def test_a_split_of_one_name_alone_is_a_class_and_no_split(tmp_path):
    rows = ["file,label", "1.png,train", "2.png,train"]
    root = make(tmp_path / "set", "labels.csv", rows, ["1.png", "2.png"])
    assert list(open_source(root).classes()) == ["train"]


def test_of_two_columns_of_names_the_one_with_suffixes_is_read(tmp_path):
    rows = ["id,image_name,label", "0,1.png,owl", "1,0.png,hen"]
    root = make(tmp_path / "set", "labels.csv", rows, ["0.png", "1.png"])
    assert found(root / "train")[0] == {"hen": ["0.png"], "owl": ["1.png"]}
    (root / "labels.csv").write_text("image,path,label\n0.png,1.png,owl\n1.png,0.png,hen")
    with pytest.raises(ValueError, match=r"got image, path; name it with .*columns\.images=NAME"):
        found(root / "train")
    classes = open_source(root, ColumnNames(images="path")).classes()
    assert [entry.name for entry in classes["owl"]()] == ["1.png"]


def test_a_list_of_classes_beside_a_folder_of_class_folders_is_passed_over(tmp_path, caplog):
    root = make(tmp_path / "set", "labels.csv", ["ClassId,Name", "0,a"], ["images/a/0.png"])
    write_folder(root, {"images/b/0.png": IMAGE})
    assert found(root / "train") == ({"a": ["a/0.png"], "b": ["b/0.png"]}, "train")
    assert "its folders are the classes, not a column of" in caplog.text
