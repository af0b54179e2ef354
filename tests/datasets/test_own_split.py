"""Images that come without train and test folders."""

import io
import logging
from collections import Counter

import numpy as np
import pytest
from image_sets import SIDE, image_table, write_folder, write_parquet, write_zip
from kedro.io import DatasetError
from PIL import Image

from mgd3_kedro.datasets.benchmark import BenchmarkDataset
from mgd3_kedro.datasets.own_split import numbers_of_side
from mgd3_kedro.datasets.sources.zipped import ZipSource

COUNTS = {"n01": 40, "n02": 15, "n03": 2}


def picture(wnid, number, form="PNG", **options):
    generator = np.random.default_rng([int(wnid[1:]), number])
    coarse = Image.fromarray(generator.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((32, 32), Image.Resampling.BICUBIC).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pictures():
    return {
        f"{wnid}/{number}.png": picture(wnid, number)
        for wnid, count in COUNTS.items()
        for number in range(count)
    }


def sides(make_set, root, **changes):
    """Return file -> digest of both sides, loaded one after the other."""
    settings = {"classes": None, "image_size": 32, **changes}
    found = {}
    for name in ("train", "val"):
        loaded = make_set(root / name, index=f"index/{name}", **settings).load()
        found[name] = {row["file"]: row["digest"] for part in loaded.values() for row in part.rows}
    return found


def test_every_image_is_on_one_side_and_both_have_every_class(make_set, tmp_path, pictures, caplog):
    caplog.set_level(logging.INFO, logger="mgd3_kedro")
    found = sides(make_set, write_folder(tmp_path / "pets", pictures))
    assert sorted([*found["train"], *found["val"]]) == sorted(pictures)
    counts = [Counter(name.split("/")[0] for name in side) for side in found.values()]
    assert counts == [{"n01": 32, "n02": 12, "n03": 1}, {"n01": 8, "n02": 3, "n03": 1}]
    said = [r.getMessage() for r in caplog.records if "has no split train" in r.getMessage()]
    assert "45 of its images serve as train images" in said[0]
    listed = (tmp_path / "index/val.tsv").read_text().splitlines()
    assert [line.split("\t")[1] for line in listed] == list(found["val"])
    assert not any("pets/train: indexed" in record.getMessage() for record in caplog.records)
    assert said[0].endswith(str(tmp_path / "index/train.tsv"))


def test_the_split_is_that_of_the_contents(make_set, tmp_path, pictures):
    found = sides(make_set, write_folder(tmp_path / "pets", pictures))
    renamed = {f"{name[:4]}{999 - int(name[4:-4])}.png": data for name, data in pictures.items()}
    other = sides(make_set, write_folder(tmp_path / "again", renamed))
    for name in found:
        assert sorted(other[name].values()) == sorted(found[name].values())
    packed = sides(make_set, write_zip(tmp_path / "pets.zip", pictures))
    assert packed == found


def test_copies_of_an_image_are_on_one_side(make_set, tmp_path, pictures):
    copies = {
        f"n01/{number}-{way}.png": picture("n01", number, form, **options)
        for number in range(40)
        for way, form, options in (("same", "PNG", {}), ("jpeg", "JPEG", {"quality": 60}))
    }
    found = sides(make_set, write_folder(tmp_path / "pets", {**pictures, **copies}))
    of_side = [
        {name.partition("-")[0].removesuffix(".png") for name in side if name.startswith("n01")}
        for side in found.values()
    ]
    assert len(of_side[0]) + len(of_side[1]) == 40
    assert 30 <= len(of_side[0]) <= 34


def test_held_out_images_are_taken_from_the_train_side(make_set, tmp_path, pictures):
    root = write_folder(tmp_path / "pets", pictures)
    found = sides(make_set, root)
    parts = [
        make_set(root / "train", index="index/train", classes=None, image_size=32, part=part).load()
        for part in ((0.0, 0.8), (0.8, 1.0))
    ]
    names = [row["file"] for part in parts for one in part.values() for row in one.rows]
    assert sorted(names) == sorted(found["train"])


def test_images_are_indexed_once_for_both_sides(make_set, tmp_path, pictures):
    sides(make_set, write_folder(tmp_path / "pets", pictures))
    indexed = {path.relative_to(tmp_path / "index").as_posix() for path in tmp_path.glob("index/*")}
    assert indexed == {"all", "train.tsv", "val.tsv"}


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("val", ("train/n01/0.png", "train/n02/0.png")),
        ("train", ("n01/0.png", "n03/0.png", "test/n02/0.png")),
        ("val", ("n01/0.png", "n03/0.png", "Training/n02/0.png")),
    ],
)
def test_a_set_that_has_a_split_is_not_split_again(asked, names, make_set, tmp_path, pictures):
    root = write_folder(tmp_path / "pets", dict.fromkeys(names, pictures["n01/0.png"]))
    with pytest.raises(DatasetError, match=rf"expected images at .*{asked}.*found nothing"):
        make_set(root / asked, classes=None).load()


def test_a_folder_of_a_split_that_is_empty_is_not_filled_from_beside_it(
    make_set, tmp_path, pictures
):
    folders = write_folder(tmp_path / "pets", pictures)
    table = write_parquet(tmp_path / "table/pets.parquet", image_table(pictures)).parent
    for root in (folders, table):
        (root / "train").mkdir()
        with pytest.raises(DatasetError, match=r"expected classes of images in .*train, found"):
            make_set(root / "train", classes=None).load()


def test_classes_are_those_of_the_folders_that_are_split(tmp_path, pictures):
    root = write_folder(tmp_path / "pets", pictures)
    dataset = BenchmarkDataset(
        filepath=None, name="pets", image_size=32, source=str(root / "train")
    )
    assert dataset.load().wnids == ("n01", "n02", "n03")


def test_a_table_that_is_split_and_needs_the_name_of_a_column_says_so(make_set, tmp_path, files):
    table = image_table(files)
    both = table.append_column("labels", table["label"])
    source = write_parquet(tmp_path / "pets.parquet", both) / "train"

    def benchmark(**columns):
        settings = {"image_size": SIDE, "source": str(source), "if_missing": "get some"}
        return BenchmarkDataset(filepath=None, name="pets", columns=columns, **settings)

    def images(**columns):
        return make_set(source, classes=None, columns=columns, if_missing="get some")

    for make in (benchmark, images):
        # The images are there, so the advice how to get some would mislead.
        with pytest.raises(DatasetError, match=r"pets\.parquet: .*columns\.classes=NAME\)$"):
            make().load()
        assert make(classes="labels").load()


def test_few_images_are_split_so_that_both_sides_have_some():
    looks = np.zeros((0, 16, 16), np.uint8)
    for count, expected in ((0, (0, 0)), (1, (1, 0)), (2, (1, 1)), (3, (2, 1)), (5, (4, 1))):
        records = [{"file": str(number), "digest": f"{number}"} for number in range(count)]
        found = [len(numbers_of_side(side, records, looks)) for side in ("train", "test")]
        assert tuple(found) == expected


def test_a_benchmark_lists_its_images_once_for_all_nodes_of_a_run(tmp_path, files, monkeypatch):
    path = write_zip(tmp_path / "pets.zip", files)
    dataset = BenchmarkDataset(filepath=None, name="pets", image_size=SIDE, source=str(path))
    listed = []
    classes = ZipSource.classes
    monkeypatch.setattr(ZipSource, "classes", lambda self: listed.append(self) or classes(self))
    assert dataset.load() == dataset.load()
    assert len(listed) == 1
    dataset.release()
    dataset.load()
    assert len(listed) == 2


@pytest.mark.parametrize("name", ["train.parquet", "train-0.parquet", "validation.parquet"])
def test_images_that_are_another_split_already_are_not_split(name, make_set, tmp_path, files):
    write_parquet(tmp_path / "set" / name, image_table(files))
    with pytest.raises(DatasetError, match=r"expected images at .*/test: .*found nothing"):
        make_set(tmp_path / "set/test", classes=None).load()


def test_one_class_is_none_to_split(make_set, tmp_path):
    root = write_folder(tmp_path / "set", {"n01/0.png": picture("n01", 0)})
    with pytest.raises(DatasetError, match=r"two classes to split in .*; found one class, n01"):
        make_set(root / "train", classes=None).load()


def test_files_that_are_no_images_count_for_no_side():
    looks = np.zeros((40, 16, 16), np.uint8)
    records = [{"file": f"{n}", "digest": f"{n:02}"} for n in range(10)]
    bad = [{"file": f"bad{n}", "error": "not there"} for n in range(30)]
    alone = numbers_of_side("test", records, looks[:0])
    assert numbers_of_side("test", records + bad, looks[:0]) == alone
    assert numbers_of_side("train", records + bad, looks[:0])[-30:] == list(range(10, 40))


def test_one_image_of_a_class_cannot_be_split(make_set, tmp_path, pictures):
    few = {name: pictures[name] for name in ("n01/0.png", "n01/1.png", "n02/0.png")}
    root = write_folder(tmp_path / "set", few | {"n02/again.png": pictures["n02/0.png"]})
    assert len(make_set(root / "train", classes=None, image_size=32).load()) == 2
    with pytest.raises(DatasetError, match=r"two different images in every class.* fewer in n02"):
        make_set(root / "val", classes=None, image_size=32).load()
