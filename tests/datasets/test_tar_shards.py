"""Tar archives beside each other, with a file that tells the class beside each image."""

import json

import pytest
from image_sets import SIDE, image_of, png, write_folder, write_tar

from mgd3_kedro.datasets.sources import ColumnNames, open_source
from mgd3_kedro.datasets.sources.shards import LARGEST, ShardSource
from mgd3_kedro.datasets.split_images import open_split

IMAGE = png(image_of("n01", 0))


def listed(path, **columns):
    """Return class -> names of its images."""
    classes = open_source(path, ColumnNames(**columns)).classes()
    return {wnid: [entry.name for entry in entries()] for wnid, entries in classes.items()}


def shard(folder, **members):
    """Write one archive; members are called KEY__SUFFIX, images have no content of their own."""
    files = {name.replace("__", "."): text for name, text in members.items()}
    data = {name: IMAGE if text is None else text.encode() for name, text in files.items()}
    return write_tar(folder / "set/0.tar", data).parent


def test_the_class_is_told_by_a_file_beside_the_image(tmp_path):
    folder = shard(tmp_path, a__jpg=None, a__cls="owl\n", b__cls="hen", b__webp=None)
    assert listed(folder) == {"hen": ["0.tar::b.webp"], "owl": ["0.tar::a.jpg"]}
    folder = shard(tmp_path, a__jpg=None, a__json='{"label": 7, "width": 6}', a__txt="an owl")
    assert listed(folder) == {"7": ["0.tar::a.jpg"]}


def test_numbers_have_the_names_of_the_list_beside_the_archives(tmp_path):
    folder = shard(tmp_path, a__jpg=None, a__cls="1", b__jpg=None, b__cls="-1")
    (folder / "classes.json").write_text('["hen", "owl"]')
    assert listed(folder) == {"owl": ["0.tar::a.jpg"]}
    (folder / "classes.json").write_text('["crane", "crane"]')
    assert listed(folder) == {"crane (1)": ["0.tar::a.jpg"]}
    shard(tmp_path, a__jpg=None, a__cls="2")
    with pytest.raises(ValueError, match=r"0\.tar: expected numbers below 2, .*, got 2"):
        listed(folder)


def test_what_tells_the_class_can_be_named(tmp_path):
    fields = json.dumps({"label": 3, "class": "owl"})
    folder = shard(tmp_path, a__jpg=None, a__json=fields, a__kind__txt="hen")
    with pytest.raises(ValueError, match=r"got label, class in a\.json; name it with .*classes="):
        listed(folder)
    assert list(listed(folder, classes="class")) == ["owl"]
    assert list(listed(folder, classes="kind.txt")) == ["hen"]
    with pytest.raises(ValueError, match=r"got 'x'; a has json, label, class"):
        listed(folder, classes="x")


def test_of_several_images_one_has_to_be_named(tmp_path):
    folder = shard(tmp_path, a__jpg=None, a__mask__png=None, a__cls="owl")
    with pytest.raises(ValueError, match=r"for a, got jpg, mask\.png; .*columns\.images=NAME"):
        listed(folder)
    assert listed(folder, images="mask.png") == {"owl": ["0.tar::a.mask.png"]}
    with pytest.raises(ValueError, match=r"with the suffix gif for a, got jpg, mask\.png$"):
        listed(folder, images="gif")


def test_an_image_without_a_class_among_others_is_named(tmp_path):
    folder = shard(tmp_path, a__jpg=None, a__cls="owl", b__jpg=None, c__cls="no image")
    with pytest.raises(ValueError, match=r"0\.tar: expected a class .*, got none for b"):
        listed(folder)
    shard(tmp_path, a__jpg=None, a__json="{")
    with pytest.raises(ValueError, match=r"0\.tar: a\.json: expected JSON"):
        listed(folder)


def test_without_such_files_the_folder_or_the_archive_is_the_class(tmp_path):
    files = {"photo.v1.jpg": IMAGE, "photo.v2.jpg": IMAGE, "deep/hen/0.jpg": IMAGE, "read.me": b""}
    write_tar(tmp_path / "set/owl.tar", files)
    assert listed(tmp_path / "set") == {
        "deep": ["owl.tar::deep/hen/0.jpg"],
        "owl": ["owl.tar::photo.v1.jpg", "owl.tar::photo.v2.jpg"],
    }


def test_folders_that_all_images_are_in_are_no_classes(tmp_path):
    for name in ("owl", "hen"):
        write_tar(tmp_path / f"birds/{name}.tar", {"set/photos/0.jpg": IMAGE})
    assert list(listed(tmp_path / "birds")) == ["hen", "owl"]
    for number, name in enumerate(("owl", "hen")):
        write_tar(tmp_path / f"set/train-{number}.tar", {f"train/{name}/0.jpg": IMAGE})
    assert list(listed(tmp_path / "set/train")) == ["hen", "owl"]


def test_folders_in_parts_of_a_set_are_classes_and_in_archives_of_classes_they_are_not(tmp_path):
    for name in ("images-0", "images-1", "cat", "dog"):
        inner = {f"top/{folder}/{name}.jpg": IMAGE for folder in ("a", "b")}
        folder = "parts" if "-" in name else "classes"
        write_tar(tmp_path / f"{folder}/{name}.tar", inner)
    assert list(listed(tmp_path / "parts")) == ["a", "b"]
    assert list(listed(tmp_path / "classes")) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("archives", "folders"),
    [
        (["images-0", "images-1"], ["train/a", "val/a"]),
        (["images", "annotations"], ["a", "b"]),
    ],
)
def test_archives_and_folders_that_are_no_classes_are_none(archives, folders, tmp_path):
    for name in archives:
        write_tar(tmp_path / f"set/{name}.tar", {f"{folder}/0.jpg": IMAGE for folder in folders})
    assert listed(tmp_path / "set") == {}


def test_archives_of_a_split_are_no_classes(tmp_path):
    for number in range(2):
        write_tar(tmp_path / f"set/train-{number}.tar", {"train/0.jpg": IMAGE})
    assert listed(tmp_path / "set/train") == {}


def test_one_archive_with_folders_is_read_as_an_archive_of_folders(tmp_path):
    path = write_tar(tmp_path / "set/train.tar", {"owl/eagle/0.jpg": IMAGE, "hen/0.jpg": IMAGE})
    for place in (path, path.parent):
        assert listed(place) == {"hen": ["hen/0.jpg"], "owl": ["owl/eagle/0.jpg"]}
    write_tar(
        path, {"all/a.jpg": IMAGE, "all/a.cls": b"owl", "all/b.jpg": IMAGE, "all/b.cls": b"1"}
    )
    assert list(listed(path)) == ["1", "owl"]


def test_files_beside_images_that_do_not_tell_the_class_are_asked_about(tmp_path):
    folder = shard(tmp_path, a__jpg=None, a__cls="x" * (LARGEST + 1))
    with pytest.raises(ValueError, match=r"got cls; name it with --params columns\.classes=NAME"):
        listed(folder)
    folder = shard(tmp_path, a__jpg=None, a__txt="owl", a__json='{"kind": "owl"}')
    with pytest.raises(ValueError, match=r"got json, txt, kind; name it"):
        listed(folder)
    for name in ("txt", "kind"):
        assert listed(folder, classes=name) == {"owl": ["0.tar::a.jpg"]}


def test_suffixes_may_be_in_capitals(tmp_path):
    assert listed(shard(tmp_path, a__JPG=None, a__CLS="owl")) == {"owl": ["0.tar::a.JPG"]}


def test_a_class_that_is_no_text_is_refused_or_none(tmp_path):
    folder = shard(tmp_path, a__jpg=None, a__json='{"label": [1, 2]}')
    with pytest.raises(ValueError, match=r"a\.json: expected one class, got \[1, 2\]"):
        listed(folder)
    folder = shard(
        tmp_path, a__jpg=None, a__json='{"label": null}', b__jpg=None, b__json='{"label": 1}'
    )
    assert listed(folder) == {"1": ["0.tar::b.jpg"]}
    write_tar(folder / "0.tar", {"a.jpg": IMAGE, "a.cls": "été".encode("latin-1")})
    with pytest.raises(ValueError, match=r"a\.cls: expected UTF-8"):
        listed(folder)


def test_either_all_archives_tell_classes_or_none(tmp_path):
    folder = shard(tmp_path, a__jpg=None, a__cls="owl")
    write_tar(folder / "1.tar", {"b.jpg": IMAGE})
    with pytest.raises(ValueError, match=r"1\.tar: .*got archives with and without"):
        listed(folder)


def test_an_archive_of_a_class_may_be_called_after_a_split(tmp_path):
    names = ["bullet-train", "eel", "owl", "test-tube", "zebra"]
    for name in names:
        write_tar(tmp_path / f"set/{name}.tar", {"0.jpg": IMAGE})
    assert list(listed(tmp_path / "set")) == names
    assert open_split(tmp_path / "set/train").side == "train"


def test_a_folder_of_class_folders_stays_one_beside_an_archive(tmp_path):
    write_folder(tmp_path / "set", {"n01/0.png": IMAGE})
    write_tar(tmp_path / "set/backup.tar", {"0.png": IMAGE})
    assert list(listed(tmp_path / "set")) == ["n01"]


def test_one_archive_without_folders_is_split_as_any_set_is(tmp_path):
    files = {f"{n}.png": png(image_of("n01", n)) for n in range(4)}
    told = {f"{n}.cls": f"{n % 2}".encode() for n in range(4)}
    path = write_tar(tmp_path / "pets.tar", files | told)
    _, source, classes, side = open_split(path / "train")
    assert (source, side) == (ShardSource((path,)), "train")
    reader = source.open()
    entries = classes["1"]()
    assert [reader.read(entry) for entry in entries] == [files["1.png"], files["3.png"]]
    assert source.where(entries[0].name) == f"{path}::1.png"
    reader.close()


def test_images_of_shards_are_those_of_the_set(tmp_path, make_set):
    files = {}
    for wnid in ("n01", "n02"):
        files |= {f"{wnid}-0.png": png(image_of(wnid, 0)), f"{wnid}-0.cls": wnid.encode()}
    write_tar(tmp_path / "x/train-0.tar", files)
    loaded = make_set(tmp_path / "x/train").load()
    for wnid, partition in loaded.items():
        pixels = partition.load()[:]
        assert pixels.shape == (1, 3, SIDE, SIDE)
        assert (pixels[0].permute(1, 2, 0).numpy() == image_of(wnid, 0)).all()
