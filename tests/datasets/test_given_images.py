import io
import json
import tarfile
import zipfile
from functools import partial

import numpy as np
import pytest
import torch
from image_sets import (
    FORMS,
    SIDE,
    image_of,
    image_table,
    png,
    write_folder,
    write_parquet,
    write_zip,
)
from kedro.io import DatasetError
from PIL import Image
from safetensors.torch import save_file

from mgd3_kedro.datasets.given_images import GivenImagesDataset
from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset
from mgd3_kedro.datasets.sources import Entry
from mgd3_kedro.datasets.whole_images import in_order
from mgd3_kedro.fingerprint import file_digest
from mgd3_kedro.stages import GIVEN, Made, Partition, Stage, Task


def give(value):
    return value


def keep(batch, settings):
    return {
        wnid: Made(task.inputs["images"], len(task.inputs["images"]), rows=({"made": wnid},))
        for wnid, task in batch.items()
    }


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def read(path, **settings):
    return GivenImagesDataset(filepath=str(path), **settings).load()


@pytest.fixture
def saved(pixels, tmp_path):
    """Save images as this project does; their folder."""
    tasks = {w: Task({"images": Partition(partial(give, one), w)}) for w, one in pixels.items()}
    ImagePartitionsDataset(filepath=str(tmp_path / "made/images")).save(Stage(keep, tasks, None))
    return tmp_path / "made/images"


def test_images_of_every_form_are_read_at_their_own_size(source, pixels):
    loaded = read(source)
    assert list(loaded) == ["n01", "n02", "n03"]
    for wnid, partition in loaded.items():
        assert torch.equal(partition.load(), pixels[wnid])
        assert (partition.count, partition.configuration) == (len(pixels[wnid]), GIVEN)


def test_the_identity_of_a_folder_is_that_of_its_files_however_it_is_packed(tmp_path, files):
    folder = write_folder(tmp_path / "images", {**files, "n01/10.jpeg": files["n01/0.png"]})
    (folder / "n01/notes.txt").write_text("not an image")
    packed = write_zip(tmp_path / "x.zip", {**files, "n01/10.jpeg": files["n01/0.png"]})
    for wnid, partition in read(folder).items():
        images = sorted(path for path in (folder / wnid).iterdir() if path.suffix != ".txt")
        assert partition.fingerprint == file_digest(images)
        assert read(packed)[wnid].fingerprint == partition.fingerprint


def test_images_are_in_the_order_of_their_numbers_with_names_first(tmp_path):
    shades = {"b": 1, "10": 5, "a": 0, "2": 4, "0": 2, "1": 3}
    named = {
        f"n01/{name}.png": png(np.full((2, 2, 3), shade, np.uint8))
        for name, shade in shades.items()
    }
    for path in (write_folder(tmp_path / "folder", named), write_zip(tmp_path / "x.zip", named)):
        assert read(path)["n01"].load()[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_images_are_decoded_as_real_ones_are(tmp_path):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    red = Image.new("RGB", (8, 8), "red")
    folder = write_folder(
        tmp_path / "images",
        {
            "n01/0.png": encoded(Image.fromarray(ramp)),
            "n01/1.png": encoded(clear),
            "n01/2.GIF": encoded(red, "GIF"),
            "n01/3.ppm": encoded(red, "PPM"),
            "n01/4.jp2": encoded(red, "JPEG2000"),
            "n01/5.jfif": encoded(red, "JPEG"),
            "n01/more/6.png": encoded(red),
        },
    )
    images = read(folder)["n01"].load()
    assert len(images) == 7
    assert abs(images[0].float().mean() - 127.5) < 0.5
    assert (images[1] == 255).all()
    assert (images[2:, 0] > 250).all()
    assert (images[2:, 1:] < 5).all()


@pytest.mark.parametrize(
    ("image", "is_as_before"),
    [
        (Image.new("L", (4, 4), 7), True),
        (Image.new("RGBA", (4, 4), "red"), True),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 9)), False),
        (Image.fromarray(np.full((4, 4), 999, np.uint16)), False),
    ],
)
def test_only_images_that_gave_other_pixels_before_have_another_identity(
    image, is_as_before, tmp_path
):
    path = write_folder(tmp_path, {"n01/0.png": encoded(image)}) / "n01/0.png"
    assert (read(tmp_path)["n01"].fingerprint == file_digest([path])) is is_as_before


def test_own_images_keep_what_was_written_down_about_them(saved):
    (saved / "n02/Thumbs.db").write_bytes(b"left by a file manager")
    own = ImagePartitionsDataset(filepath=str(saved)).load()
    for wnid, partition in read(saved).items():
        assert partition.fingerprint == own[wnid].fingerprint
        assert partition.rows == own[wnid].rows == ({"made": wnid},)
        assert torch.equal(partition.load(), own[wnid].load())


def test_what_was_written_down_about_images_does_not_outlive_them(saved):
    Image.new("RGB", (SIDE, SIDE)).save(saved / "n02/3.png")
    record = json.loads((saved.parent / "images.manifest/n02.json").read_text())
    partition = read(saved)["n02"]
    assert partition.fingerprint != record["content"]
    assert partition.rows == ()


def test_images_that_change_are_read_again(tmp_path, files):
    dataset = GivenImagesDataset(filepath=str(write_folder(tmp_path, files)))
    before = dataset.load()
    (tmp_path / "n01/4.png").write_bytes(files["n02/4.png"])
    after = dataset.load()
    assert (before["n01"].count, after["n01"].count) == (4, 5)
    assert after["n02"] is before["n02"]


def test_files_that_are_no_images_are_named_or_left_out(tmp_path, files, caplog):
    folder = write_folder(tmp_path / "images", {**files, "n02/1.png": b"x", "n01/9.heic": b"x"})
    (folder / "n01/lost.png").symlink_to("/no/such/file")
    (folder / "n02/more").symlink_to("/no/such/folder")
    (folder / "n04").symlink_to("/no/such/class")
    with pytest.raises(DatasetError, match="got 5 other files") as caught:
        read(folder)
    for told in (
        "n02/1.png: expected an image",
        "n01/9.heic: expected an image",
        "n01/lost.png: a link to /no/such/file, which is not there",
        "n02/more: a link to /no/such/folder, which is not there",
        "n04: a link to /no/such/class, which is not there",
    ):
        assert f"{folder}/{told}" in str(caught.value)
    counts = {wnid: part.count for wnid, part in read(folder, bad_images="skip").items()}
    assert counts == {"n01": 4, "n02": 4, "n03": 3, "n04": 0}
    assert "left out 5 files, no images" in caplog.text


def test_files_that_are_left_out_are_told_once_and_again_when_there_are_others(
    tmp_path, files, caplog
):
    folder = write_folder(tmp_path, {**files, "n02/1.png": b"x"})
    dataset = GivenImagesDataset(filepath=str(folder), bad_images="skip")
    dataset.load()
    dataset.load()
    assert [record.args[1] for record in caplog.records] == ["1 file"]
    (folder / "n01/9.png").write_bytes(b"x")
    dataset.load()
    assert [record.args[1] for record in caplog.records] == ["1 file", "2 files"]


def test_what_systems_and_archivers_leave_behind_is_no_class(tmp_path, files):
    left = ("__MACOSX", ".ipynb_checkpoints", "@eaDir", "n01/@eaDir", "n01/__MACOSX")
    more = {f"{folder}/0.png": files["n01/0.png"] for folder in left}
    for name, write in (("folder", write_folder), ("x.zip", write_zip)):
        loaded = read(write(tmp_path / name, {**files, **more}))
        assert {wnid: part.count for wnid, part in loaded.items()} == {"n01": 4, "n02": 5, "n03": 3}


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_a_class_without_images_counts_none(form, write_form, tmp_path, files):
    path = write_form(form, files)
    if form == "folder":
        (path / "n04").mkdir()
    elif form == "zip":
        with zipfile.ZipFile(path, "a") as archive:
            archive.mkdir("n04")
    else:
        with tarfile.open(path, "a") as archive:
            folder = tarfile.TarInfo("n04")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
    assert read(path)["n04"].count == 0


def test_classes_are_found_by_their_names(tmp_path, files, table):
    words = {"n01": "hen", "n02": "Owl", "n03": "n03"}
    named = {f"{words[name[:3]]}{name[3:]}": data for name, data in files.items()}
    folder = write_folder(tmp_path / "images", named)
    loaded = read(folder, classes="birds.tsv", root=str(tmp_path))
    plain = read(write_folder(tmp_path / "plain", files))
    # What no class of the table is, is left for the checks to refuse.
    assert list(loaded) == ["n01", "n02", "n03"]
    assert [p.fingerprint for p in loaded.values()] == [p.fingerprint for p in plain.values()]


@pytest.mark.parametrize("fractions", [False, True])
def test_labelled_tensors_are_read(fractions, tmp_path, pixels, table):
    images = torch.cat([pixels["n01"][:2], pixels["n02"][:2]])
    given = (images.float() / 255).half() if fractions else images
    # Line 0 of the table is n02.
    save_file({"images": given, "labels": torch.tensor([1, 1, 0, 0])}, tmp_path / "x.safetensors")
    loaded = read(tmp_path / "x.safetensors", classes="birds.tsv", root=str(tmp_path))
    assert list(loaded) == ["n01", "n02"]
    for wnid, partition in loaded.items():
        assert torch.equal(partition.load(), pixels[wnid][:2])


def test_tensors_of_classes_are_read_from_one_file_or_one_each(tmp_path, pixels):
    save_file(pixels, tmp_path / "x.safetensors")
    (tmp_path / "each").mkdir()
    for wnid, images in pixels.items():
        save_file({"images": images}, tmp_path / f"each/{wnid}.safetensors")
    for name in ("x.safetensors", "each"):
        loaded = read(tmp_path / name)
        assert list(loaded) == ["n01", "n02", "n03"]
        assert all(torch.equal(loaded[wnid].load(), pixels[wnid]) for wnid in pixels)


def test_grey_tensors_become_rgb(tmp_path, pixels):
    save_file({"n01": pixels["n01"][:, :1].contiguous()}, tmp_path / "x.safetensors")
    assert torch.equal(read(tmp_path / "x.safetensors")["n01"].load()[:, 2], pixels["n01"][:, 0])


BLANK = torch.zeros(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"n01": BLANK - 1}, r"::n01/0: expected uint8, or fractions from 0 to 1, got -1 to -1"),
        ({"n01": BLANK + 255}, r"expected uint8, or fractions from 0 to 1, got 255 to 255"),
        ({"n01": BLANK / 0}, "got NaN or infinity"),
        ({"n01": BLANK.long()}, r"expected n01 as images \(N, 3, H, W\), .* got I64 \(2, 3, 4, 4"),
        ({"n01": BLANK[0]}, r"expected n01 as images .* got F32 \(3, 4, 4\)"),
        ({"images": BLANK}, "expected labels, one of every image, got"),
        (
            {"images": BLANK, "labels": torch.zeros(3).long()},
            r"expected labels \(2,\), int64, .* class table, got I64 \(3,\)",
        ),
        ({"images": BLANK, "labels": torch.zeros(2)}, r"expected labels \(2,\).* got F32 \(2,\)"),
    ],
)
def test_tensors_that_are_no_images_are_refused(tensors, message, tmp_path):
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(DatasetError, match=message):
        read(tmp_path / "x.safetensors")


@pytest.mark.parametrize("data", [b"", b"hello", bytes(100)])
def test_what_is_only_called_a_file_of_tensors_is_refused_by_name(data, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(DatasetError, match=r"x\.safetensors: not a readable safetensors file"):
        read(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "expected images at .*; found nothing"),
        (lambda path: path.mkdir(), "expected classes of images in .*, found none"),
        (lambda path: path.write_text(""), "expected images at .*; found something else"),
    ],
)
def test_what_holds_no_classes_is_refused(make, message, tmp_path):
    make(tmp_path / "images")
    with pytest.raises(DatasetError, match=message):
        read(tmp_path / "images")


def test_where_a_method_has_made_none_it_is_told_what_makes_them(tmp_path):
    images = GivenImagesDataset(filepath=str(tmp_path / "x"), made_by="kedro run --params=...")
    with pytest.raises(DatasetError, match=r"found none; make them first, .*: kedro run --params="):
        images.load()
    (tmp_path / "x").mkdir()
    with pytest.raises(DatasetError, match=r"expected classes of images in .*, found none"):
        images.load()


@pytest.mark.parametrize("name", ["x.pt", "x.NPY"])
def test_tensors_of_another_form_are_refused_with_the_form_that_is_read(name, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"found a \.\w+ file; save its arrays with safetensors"):
        read(tmp_path / name)


def test_a_place_without_images_does_not_exist(tmp_path, files):
    assert GivenImagesDataset(filepath=str(write_folder(tmp_path / "x", files))).exists()
    assert not GivenImagesDataset(filepath=str(tmp_path / "y")).exists()


def test_somebodys_images_are_never_written(saved):
    with pytest.raises(DatasetError, match="read only"):
        GivenImagesDataset(filepath=str(saved)).save(Stage(keep, {}, None))


def test_upper_case_names_of_archives_and_tables_are_known(tmp_path, files):
    path = FORMS["parquet, classes by name"](tmp_path, files)
    path.rename(tmp_path / "TRAIN.PARQUET")
    assert read(tmp_path / "train")["n01"].count == 4
    assert np.array_equal(
        read(tmp_path / "TRAIN.PARQUET")["n01"].load()[0].permute(1, 2, 0), image_of("n01", 0)
    )


def test_columns_of_a_table_can_be_named(tmp_path, files, pixels):
    table = image_table(files, labels="names").rename_columns({"image": "drawn", "class": "kind"})
    path = write_parquet(tmp_path / "x.parquet", table.append_column("mask", table["drawn"]))
    with pytest.raises(
        DatasetError, match=r"got drawn, mask; name it .*images_columns\.images=NAME"
    ):
        read(path)
    loaded = read(path, columns={"images": "drawn", "classes": "kind"})
    assert torch.equal(loaded["n01"].load(), pixels["n01"])


def test_images_are_ordered_by_the_numbers_in_their_names():
    names = ["a.png", "img_1.png", "img_2.png", "img_10.png", "img_10_b.png", "n2/1.png"]
    entries = [Entry(name, 0, (name,), ()) for name in names]
    assert [entry.name for entry in in_order(entries[::-1])] == names
    numbers = [Entry(f"{number}.png", 0, (number,), ()) for number in (1, 2, 10)]
    assert in_order(numbers[::-1]) == tuple(numbers)
