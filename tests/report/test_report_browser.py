"""The report of a run in a real browser."""

import pytest
from browser import find_browser, look_at, take_picture
from PIL import Image
from tiny_project import IPC, evaluated

pytestmark = pytest.mark.skipif(
    find_browser() is None,
    reason="no Chromium or Chrome is installed; Debian's is: apt-get install chromium",
)
PHONE = 390


@pytest.fixture(scope="module")
def page(finished):
    """Return the report that `distill` has left."""
    return evaluated(finished, "08_reporting") / "report.html"


@pytest.fixture(scope="module")
def on_phone(page, tmp_path_factory):
    """Return what the page says of itself on a phone at night."""
    return look_at(page, tmp_path_factory.mktemp("phone"), width=PHONE, dark=True)


def test_the_parts_of_the_page_are_drawn(on_phone):
    assert on_phone["sections"] == [
        *("headline", "images", "modes", "steps", "learning", "confusion"),
        *("diversity", "plane", "costs", "settings", "cite"),
    ]
    assert on_phone["absent"] == ["steps"]
    assert (on_phone["charts"], on_phone["drawn"]) == ("drawn", 5)
    assert on_phone["images"] >= 2 * 10 * IPC
    assert on_phone["broken"] == 0


def test_nothing_is_wider_than_a_phone(on_phone):
    assert on_phone["width"] == PHONE
    assert on_phone["full_width"] <= PHONE
    assert on_phone["wide"] == []


def test_nothing_is_asked_for_from_elsewhere(on_phone):
    assert on_phone["requests"] == []


def test_an_image_that_is_pointed_at_tells_where_it_comes_from(on_phone):
    assert on_phone["tip"]["shown"]
    assert on_phone["tip"]["images"] == 2
    assert "0/0.png" in on_phone["tip"]["text"]


def test_the_page_is_dark_at_night(on_phone):
    red, green, blue = map(int, on_phone["background"].removeprefix("rgb(")[:-1].split(","))
    assert max(red, green, blue) < 60


def test_a_picture_is_taken_of_it(page, tmp_path):
    take_picture(page, tmp_path / "report.png", tmp_path, width=1000, height=1400)
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.size == (1000, 1400)
        assert len(picture.convert("RGB").getcolors(2**20)) > 100
