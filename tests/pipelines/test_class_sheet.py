import numpy as np
import pytest
import torch
from test_report_methods_nodes import BIRDS, METHODS, folder

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.pipelines.report_methods.class_sheet import decode_modes, draw_class_images
from mgd3_kedro.pipelines.report_methods.drawing import draw_method_images, tile_images
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.stages import Partition

IMAGES = {"random": folder(60, 8), "mgd3": folder(120, 8)}


@pytest.fixture
def draw(save_dit, make_autoencoding):
    """Return what draws a sheet of two modes and two images per method."""
    model = ModelFolder(save_dit(), "sheet", "dit")
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    modes = {
        spec.wnid: Partition(lambda n=n: {"modes": latents + n}, spec.wnid, 2)
        for n, spec in enumerate(BIRDS.classes)
    }
    prior = Partition(lambda: model, "sheet")

    def draw(images=IMAGES, shown=None, class_name=None):
        decoded = decode_modes(BIRDS, modes, prior, class_name, make_autoencoding())
        given = (BIRDS, decoded, images, METHODS, shown, "mgd3", 2, 0)
        return np.asarray(draw_class_images(*given))

    draw.decoded = lambda n: load_autoencoder(model, make_autoencoding()).decode(latents + n, 8)
    return draw


def rows_with(sheet, value):
    """Return the rows of pixels in which a grey value has an image's width."""
    return np.flatnonzero((sheet == value).all(axis=2).sum(axis=1) >= 90)


def test_modes_come_first_and_the_methods_below_in_the_order_that_is_configured(draw):
    sheet = draw()
    first = {value: rows_with(sheet, value).min() for value in (60, 120)}
    assert first[120] < first[60]
    top = sheet[: first[120]].reshape(-1, 3)
    for pixel in draw.decoded(0)[0].permute(1, 2, 0).reshape(-1, 3).numpy():
        assert (top == pixel).all(axis=1).sum() >= 12 * 12


def test_the_methods_that_are_asked_for_are_laid_out_in_that_order(draw):
    sheet = draw(shown=["random", "mgd3"])
    assert rows_with(sheet, 60).min() < rows_with(sheet, 120).min()
    assert not len(rows_with(draw(shown=["mgd3"]), 60))


def test_a_class_is_shown_by_its_name(draw):
    sheet = draw(class_name="bird 1")
    assert len(rows_with(sheet, 61))
    assert not len(rows_with(sheet, 60))
    pixel = draw.decoded(1)[0, :, 0, 0].numpy()
    assert (sheet == pixel).all(axis=2).sum() >= 12 * 12
    with pytest.raises(ValueError, match="unknown class_name 'bird 9': expected one of bird 0"):
        draw(class_name="bird 9")


def test_where_a_method_has_fewer_images_there_is_white(draw):
    few = {
        wnid: Partition(lambda: torch.full((1, 3, 8, 8), 9, dtype=torch.uint8), wnid, 1)
        for wnid in BIRDS.wnids
    }
    sheet = draw({"mgd3": lambda: few})
    rows = rows_with(sheet, 9)
    assert len(rows) == 96
    assert (sheet[rows.min(), -96:] == 255).all()


def test_small_images_share_the_place_of_one(draw):
    greys = torch.tensor([10, 20, 30, 40, 50, 60, 70, 80, 90], dtype=torch.uint8)
    small = {
        wnid: Partition(
            lambda: greys[:, None, None, None].expand(9, 3, 4, 4).clone(),
            wnid,
            9,
            rows=[{"small_images_per_image": 4}] * 9,
        )
        for wnid in BIRDS.wnids
    }
    sheet = draw({"mgd3": lambda: small})
    shown = [value for value in greys.tolist() if (sheet == value).all(axis=2).sum() >= 48 * 48]
    # The ninth has no place that is full.
    assert shown == greys.tolist()[:8]
    first, third = (np.argwhere((sheet == value).all(axis=2)).min(axis=0) for value in (10, 30))
    assert third[0] > first[0]
    assert third[1] == first[1]


@pytest.mark.parametrize("most", [None, 1])
def test_a_class_with_too_few_small_images_for_a_place_leaves_the_rest_of_it_white(most):
    dark = torch.zeros(3, 3, 4, 4, dtype=torch.uint8)
    small = Partition(lambda: dark, "few", 3, rows=[{"small_images_per_image": 4}] * 3)
    (shown,) = tile_images(small, 8, most)
    assert shown.shape == (3, 8, 8)
    assert (shown[:, 4:, 4:] == 255).all()
    assert shown.sum() == 255 * 3 * 4 * 4


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (["herdin"], "unknown shown_methods 'herdin': expected one of"),
        (
            ["mgd3", "dm"],
            "shown_methods: expected images of dm with these parameters, found none; make them",
        ),
        (
            "mgd3",
            r"shown_methods: expected a list, got 'mgd3'; write it as .shown_methods=\[mgd3\]",
        ),
        (3, "shown_methods: expected a list, got 3"),
    ],
)
def test_methods_that_cannot_be_shown_are_refused_by_name(shown, message, draw):
    with pytest.raises(ValueError, match=message):
        draw(shown=shown)
    with pytest.raises(ValueError, match=message):
        draw_method_images(BIRDS, IMAGES, METHODS, shown, 2, 0)


def test_without_images_of_any_method_there_is_no_sheet(draw):
    with pytest.raises(ValueError, match="expected images of at least one method with"):
        draw({})
