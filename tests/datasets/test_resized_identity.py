"""The identity of real images tells how they were resized, where any were."""

import hashlib
import io

import pytest
import torch
from image_sets import SIDE
from PIL import Image

from mgd3_kedro.fingerprint import digest
from mgd3_kedro.stages import RESIZED


def png(width, height):
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "PNG")
    return file.getvalue()


def identity(folder, wnid, side, *words):
    """Return what a class is known by; without words, what it was before PyTorch resized."""
    paths = sorted((folder / wnid).iterdir())
    contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return digest("labelled images", "1", str(side), *words, *contents)


@pytest.fixture
def folder(write_form, files):
    return write_form("folder", files)


def test_images_that_need_no_resizing_are_known_by_what_they_always_were(folder, make_set, pixels):
    for wnid, images in make_set(folder).load().items():
        assert images.fingerprint == identity(folder, wnid, SIDE)
        assert torch.equal(images.load()[:], pixels[wnid])


def test_a_class_of_which_an_image_is_resized_is_another(folder, make_set):
    (folder / "n02/0.png").write_bytes(png(SIDE + 2, SIDE + 1))
    found = make_set(folder).load()
    assert found["n02"].fingerprint == identity(folder, "n02", SIDE, RESIZED)
    assert found["n01"].fingerprint == identity(folder, "n01", SIDE)


def test_all_classes_are_others_where_the_set_is_brought_to_another_side(folder, make_set):
    for side in (SIDE - 1, SIDE + 1, 2 * SIDE):
        for wnid, images in make_set(folder, image_size=side).load().items():
            assert images.fingerprint == identity(folder, wnid, side, RESIZED)


@pytest.mark.parametrize("size", [(SIDE + 3, SIDE), (SIDE, SIDE + 3)])
def test_what_is_only_cropped_is_not_resized(size, folder, make_set):
    (folder / "n02/0.png").write_bytes(png(*size))
    assert make_set(folder).load()["n02"].fingerprint == identity(folder, "n02", SIDE)


def test_images_that_are_not_used_do_not_count(folder, make_set):
    count = len(list((folder / "n02").iterdir()))
    before = make_set(folder, part=[1 / count, 1]).load()["n02"].fingerprint
    (folder / "n02/0.png").write_bytes(png(SIDE + 2, SIDE + 1))
    assert make_set(folder, part=[1 / count, 1]).load()["n02"].fingerprint == before
    (folder / "n02/0.png").write_bytes(b"no image")
    assert make_set(folder, part=[0, 1], bad_images="skip").load()["n02"].count == count - 1
