import json
from functools import partial

import numpy as np
import pytest
import torch
from kedro.io import DatasetError
from PIL import Image

from mgd3_kedro.datasets.image_folder import (
    ImageFolderDataset,
    ImagePartitionsDataset,
    image_files,
    read_images,
)
from mgd3_kedro.stages import Made, Partition, Stage, Task


def give(value):
    return value


def keep(batch, settings):
    return {
        wnid: Made(task.inputs["images"], len(task.inputs["images"]), rows=({"made": wnid},))
        for wnid, task in batch.items()
    }


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return {
        wnid: torch.randint(0, 256, (count, 3, 6, 5), generator=generator).to(torch.uint8)
        for wnid, count in (("n2", 12), ("n1", 3))
    }


@pytest.fixture
def saved(images, tmp_path):
    """Save the images and return their folder."""
    tasks = {w: Task({"images": Partition(partial(give, value), w)}) for w, value in images.items()}
    ImagePartitionsDataset(filepath=str(tmp_path / "images")).save(Stage(keep, tasks, None))
    return tmp_path / "images"


def test_images_come_back_bit_for_bit_in_their_order(saved, images):
    loaded = ImagePartitionsDataset(filepath=str(saved)).load()
    assert list(loaded) == ["n2", "n1"]
    for wnid, partition in loaded.items():
        found = partition.load()
        assert found.dtype == torch.uint8
        assert torch.equal(found, images[wnid])


def test_the_folder_is_one_that_any_image_folder_loader_reads(saved, images):
    # What torchvision's ImageFolder does: every entry is a class, every file in it an image.
    classes = sorted(entry.name for entry in saved.iterdir())
    assert classes == ["n1", "n2"]
    for wnid in classes:
        for path in (saved / wnid).iterdir():
            with Image.open(path) as image:
                assert (image.format, image.mode, image.size) == ("PNG", "RGB", (5, 6))
                expected = images[wnid][int(path.stem)].permute(1, 2, 0).numpy()
                assert np.array_equal(np.asarray(image), expected)
    assert sorted(entry.name for entry in saved.parent.iterdir()) == ["images", "images.manifest"]


def test_numbered_images_are_in_the_order_of_their_numbers(saved):
    names = [path.name for path in image_files(saved / "n2")]
    assert names == [f"{number}.png" for number in range(12)]


def test_names_without_a_number_come_first_in_their_own_order(tmp_path):
    for name in ("b.png", "10.jpg", "a.JPEG", "2.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    names = [path.name for path in image_files(tmp_path)]
    assert names == ["a.JPEG", "b.png", "2.png", "10.jpg"]


def test_gray_and_indexed_and_transparent_images_become_rgb(tmp_path):
    gray = np.arange(30, dtype=np.uint8).reshape(6, 5)
    colours = np.stack([gray, gray + 60, gray + 120], axis=2)
    Image.fromarray(gray).save(tmp_path / "0.png")
    Image.fromarray(colours).quantize(256).save(tmp_path / "1.png")
    Image.fromarray(colours).convert("RGBA").save(tmp_path / "2.png")
    Image.fromarray(colours).save(tmp_path / "3.bmp")
    found = read_images(tmp_path).permute(0, 2, 3, 1).numpy()
    assert found.shape == (4, 6, 5, 3)
    assert np.array_equal(found[0], np.repeat(gray[:, :, None], 3, axis=2))
    # An indexed image has the colours that its table has.
    with Image.open(tmp_path / "1.png") as image:
        assert image.mode == "P"
        assert np.array_equal(found[1], np.asarray(image.convert("RGB")))
    assert np.array_equal(found[2], colours)
    assert np.array_equal(found[3], colours)


@pytest.mark.parametrize("share", [0.5, 0.01, 0])
def test_a_truncated_image_is_named(share, saved):
    path = saved / "n2/7.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=f"{path}: not a readable image"):
        ImageFolderDataset(filepath=str(saved)).load()["n2"].load()


def test_an_image_of_another_size_is_named(saved):
    path = saved / "n2/7.png"
    Image.new("RGB", (5, 7)).save(path)
    message = rf"{path}: expected \(6, 5\) pixels as the other images of the class, got \(7, 5\)"
    with pytest.raises(ValueError, match=message):
        read_images(saved / "n2")


def test_somebodys_folder_is_read_in_sorted_order_with_its_counts(saved):
    loaded = ImageFolderDataset(filepath=str(saved)).load()
    assert [(wnid, one.count) for wnid, one in loaded.items()] == [("n1", 3), ("n2", 12)]


def test_what_file_managers_and_notebooks_leave_behind_is_no_class(saved):
    (saved / ".ipynb_checkpoints").mkdir()
    (saved / "README.md").write_text("images")
    assert list(ImageFolderDataset(filepath=str(saved)).load()) == ["n1", "n2"]


def test_a_class_without_images_counts_none(saved):
    (saved / "n3").mkdir()
    assert ImageFolderDataset(filepath=str(saved)).load()["n3"].count == 0


def test_own_images_read_as_somebodys_are_the_same_partitions(saved):
    own = ImagePartitionsDataset(filepath=str(saved)).load()
    read = ImageFolderDataset(filepath=str(saved)).load()
    for wnid, partition in own.items():
        assert read[wnid].fingerprint == partition.fingerprint
        assert read[wnid].rows == partition.rows == ({"made": wnid},)


def test_what_was_written_down_about_images_does_not_outlive_them(saved):
    Image.new("RGB", (5, 6)).save(saved / "n2/7.png")
    record = json.loads((saved.parent / "images.manifest/n2.json").read_text())
    partition = ImageFolderDataset(filepath=str(saved)).load()["n2"]
    assert partition.fingerprint != record["content"]
    assert partition.rows == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "expected a folder of class folders, found none at"),
        (lambda folder: folder.mkdir(), "expected one folder per class in"),
        (lambda folder: folder.write_text(""), "expected a folder of class folders, found none"),
    ],
)
def test_what_is_no_folder_of_classes_is_refused(make, message, tmp_path):
    make(tmp_path / "images")
    with pytest.raises(DatasetError, match=f"{message}.*{tmp_path / 'images'}"):
        ImageFolderDataset(filepath=str(tmp_path / "images")).load()


def test_somebodys_folder_is_never_written(saved):
    with pytest.raises(DatasetError, match="read only"):
        ImageFolderDataset(filepath=str(saved)).save(Stage(keep, {}, None))
