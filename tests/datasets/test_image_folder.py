from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset, read_images
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


def test_a_truncated_image_is_named(saved):
    path = saved / "n2/7.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{path}: expected an image that can be decoded"):
        read_images(saved / "n2")


def test_an_image_of_another_size_is_named(saved):
    path = saved / "n2/7.png"
    Image.new("RGB", (5, 7)).save(path)
    message = f"{path}: expected 6 x 5 pixels as the other images of the class, got 7 x 5"
    with pytest.raises(ValueError, match=message):
        read_images(saved / "n2")
