import numpy as np
import pytest

from mgd3_kedro.figures import draw_image_grid

RED, GREEN, BLUE, LIME = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 255, 0)


def paint(colour, side=32):
    return np.broadcast_to(np.array(colour, np.uint8)[:, None, None], (3, side, side)).copy()


def find(grid, colour):
    """Return the rows and columns of the pixels of a colour."""
    return np.nonzero((np.asarray(grid) == colour).all(axis=2))


def dark(grid):
    return (np.asarray(grid) < 128).all(axis=2)


SQUARE = [[paint(RED), paint(GREEN)], [paint(BLUE), paint(LIME)]]


def test_images_lie_where_their_row_and_column_meet():
    grid = draw_image_grid(SQUARE, ["a", "b"], ["50", "0"])
    red, green, blue, lime = (find(grid, colour) for colour in (RED, GREEN, BLUE, LIME))
    assert red[0].min() == green[0].min() < red[0].max() < blue[0].min() == lime[0].min()
    assert red[1].min() == blue[1].min() < red[1].max() < green[1].min() == lime[1].min()
    assert grid.mode == "RGB"


def test_pixels_are_enlarged_by_a_whole_factor_without_interpolation():
    image = np.random.default_rng(0).integers(0, 200, (3, 28, 28), dtype=np.uint8)
    grid = np.asarray(draw_image_grid([[image]], [" "], [" "]))
    rows, columns = np.nonzero((grid < 250).any(axis=2))
    crop = grid[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_array_equal(crop, image.transpose(1, 2, 0).repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize("title", ["", "Imagenette", "a title that is wider than both columns"])
def test_a_column_name_is_written_above_the_middle_of_its_column(title):
    named = draw_image_grid(SQUARE, ["a", "b"], ["50", "25"], title=title)
    blank = draw_image_grid(SQUARE, ["a", "b"], ["50", " "], title=title)
    rows, columns = np.nonzero((np.asarray(named) != np.asarray(blank)).any(axis=2))
    green = find(named, GREEN)
    assert rows.max() < green[0].min()
    assert (columns.min() + columns.max()) / 2 == pytest.approx(green[1].mean(), abs=2)


def test_a_row_name_is_written_at_the_left_of_its_row():
    named = draw_image_grid(SQUARE, ["cassette player", "church"], ["50", "0"])
    other = draw_image_grid(SQUARE, ["cassette player", "chirch"], ["50", "0"])
    rows, columns = np.nonzero((np.asarray(named) != np.asarray(other)).any(axis=2))
    blue = find(named, BLUE)
    assert columns.max() < blue[1].min()
    assert rows.min() >= blue[0].min()
    assert rows.max() <= blue[0].max()


@pytest.mark.parametrize("name", ["stop guidance 25", "a very long name of a column " * 4])
def test_a_long_column_name_stays_over_its_column(name):
    blank = draw_image_grid(SQUARE, ["a", "b"], [" ", " "])
    named = draw_image_grid(SQUARE, ["a", "b"], [name, " "])
    assert named.size == blank.size
    _, columns = np.nonzero((np.asarray(named) != np.asarray(blank)).any(axis=2))
    red = find(named, RED)
    assert len(columns)
    assert columns.min() >= red[1].min()
    assert columns.max() <= red[1].max()


def test_a_title_makes_room_for_itself_above_the_column_names():
    plain = draw_image_grid(SQUARE, ["a", "b"], ["50", "0"])
    titled = draw_image_grid(SQUARE, ["a", "b"], ["50", "0"], title="t" * 60)
    assert titled.width > plain.width
    added = titled.height - plain.height
    assert added > 20
    below = np.asarray(titled)[added:, : plain.width]
    tops = dark(plain)[: find(plain, RED)[0].min()].any(axis=1).argmax()
    np.testing.assert_array_equal(below[tops:], np.asarray(plain)[tops:])
    assert dark(titled)[: added + tops].any()


def test_the_same_images_give_the_same_grid():
    first = draw_image_grid(SQUARE, ["a", "b"], ["50", "0"], title="t")
    assert draw_image_grid(SQUARE, ["a", "b"], ["50", "0"], title="t").tobytes() == first.tobytes()


@pytest.mark.parametrize(
    ("images", "rows", "columns", "message"),
    [
        ([], [], ["0"], "at least one row and one column, got 0 and 1"),
        ([[]], ["a"], [], "at least one row and one column, got 1 and 0"),
        ([[paint(RED)]], ["a"], ["50", "0"], r"1 rows of 2 images .* got rows of \[1\]"),
        ([[paint(RED)], []], ["a", "b"], ["0"], r"got rows of \[1, 0\]"),
        ([[paint(RED) / 255]], ["a"], ["0"], r"images of a: expected uint8 .* got float64"),
        ([[np.zeros((8, 8, 3), np.uint8)]], ["a"], ["0"], r"got uint8 \(8, 8, 3\)"),
        ([[paint(RED), paint(RED, 8)]], ["a"], ["5", "0"], r"one size .* \[\(8, 8\), \(32, 32\)\]"),
    ],
)
def test_what_is_no_grid_of_images_is_refused(images, rows, columns, message):
    with pytest.raises(ValueError, match=message):
        draw_image_grid(images, rows, columns)
