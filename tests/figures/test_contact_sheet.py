import numpy as np
import pytest

from mgd3_kedro.figures import draw_contact_sheet

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def paint(*colours, side=32):
    return np.stack([np.full((side, side, 3), colour, dtype=np.uint8) for colour in colours])


def find(sheet, colour):
    """Return the rows and columns of the pixels of a colour."""
    return np.nonzero((np.asarray(sheet) == colour).all(axis=2))


def test_classes_are_rows_in_order_and_images_columns_in_order():
    sheet = draw_contact_sheet({"b": paint(RED, GREEN), "a": paint(BLUE)}, {})
    red, green, blue = find(sheet, RED), find(sheet, GREEN), find(sheet, BLUE)
    assert red[0].min() == green[0].min() < red[0].max() < blue[0].min()
    assert red[1].min() == blue[1].min() < red[1].max() < green[1].min()
    assert sheet.mode == "RGB"


def test_small_images_are_enlarged_by_a_whole_factor_without_interpolation():
    pixels = np.random.default_rng(0).integers(0, 200, (1, 28, 28, 3), dtype=np.uint8)
    sheet = np.asarray(draw_contact_sheet({"a": pixels}, {"a": " "}))
    enlarged = pixels[0].repeat(4, axis=0).repeat(4, axis=1)
    rows, columns = np.nonzero((sheet < 250).any(axis=2))
    crop = sheet[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_array_equal(crop, enlarged)


def test_large_images_keep_their_size():
    sheet = draw_contact_sheet({"a": paint(RED, side=200)}, {})
    assert len(find(sheet, RED)[0]) == 200 * 200


def test_a_class_with_fewer_images_leaves_white_where_they_would_be():
    sheet = draw_contact_sheet({"a": paint(RED, RED), "b": paint(BLUE)}, {})
    red, blue = find(sheet, RED), find(sheet, BLUE)
    beside = np.asarray(sheet)[blue[0].min() : blue[0].max(), blue[1].max() + 1 : red[1].max() + 1]
    assert beside.size > 0
    assert (beside == 255).all()


def test_names_are_written_at_the_left_in_the_row_of_their_class():
    images = {"a": paint(RED), "b": paint(RED)}
    plain = draw_contact_sheet(images, {"a": "tench", "b": "tench"})
    other = draw_contact_sheet(images, {"a": "tench", "b": "tenth"})
    left = find(plain, RED)[1].min()
    rows, columns = np.nonzero((np.asarray(plain) != np.asarray(other)).any(axis=2))
    middle = plain.height / 2
    assert columns.max() < left
    assert rows.min() > middle
    assert (np.asarray(plain)[: int(middle), :left] < 100).any()


def test_a_class_without_a_name_shows_its_folder():
    named = draw_contact_sheet({"n01440764": paint(RED)}, {"n01440764": "n01440764"})
    unnamed = draw_contact_sheet({"n01440764": paint(RED)}, {})
    assert named.tobytes() == unnamed.tobytes()


@pytest.mark.parametrize("name", ["a " * 200, "a" * 200, "tench, Tinca tinca, doctor fish" * 9])
def test_a_long_name_neither_widens_the_sheet_nor_leaves_its_row(name):
    sheet = draw_contact_sheet({"a": paint(RED), "b": paint(RED)}, {"a": name, "b": "b"})
    rows, columns = find(sheet, RED)
    dark = np.nonzero((np.asarray(sheet) < 128).all(axis=2))
    assert columns.min() < 200
    assert dark[1].max() < columns.min()
    assert dark[0].min() >= rows.min()


def test_a_title_makes_room_for_itself():
    plain = draw_contact_sheet({"a": paint(RED)}, {})
    titled = draw_contact_sheet({"a": paint(RED)}, {}, title="MGD3, Imagenette, ipc 1, seed 0")
    assert titled.width > plain.width
    assert titled.height > plain.height
    above = np.asarray(titled)[: find(titled, RED)[0].min()]
    assert (above < 100).any()
    assert (above[:, -4:] == 255).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({}, "at least one class"),
        ({"a": np.zeros((0, 8, 8, 3), np.uint8)}, "at least one image"),
        ({"a": np.zeros((1, 8, 8, 3))}, r"images of a: expected uint8 .* got float64"),
        ({"a": np.zeros((1, 8, 8), np.uint8)}, r"got uint8 \(1, 8, 8\)"),
        ({"a": paint(RED), "b": paint(RED, side=8)}, r"one size .* \[\(8, 8\), \(32, 32\)\]"),
    ],
)
def test_what_is_no_set_of_images_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        draw_contact_sheet(images, {})
