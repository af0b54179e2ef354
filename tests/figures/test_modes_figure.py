import pytest

from mgd3_kedro.figures import draw_modes

SIZES = {"cat": [3, 9, 4], "a dog with a very long name": [8, 8]}
SPREADS = {"cat": (2.0, 1.0), "a dog with a very long name": (1.5, 2.5)}


def test_every_mode_and_both_spreads_of_every_class_are_drawn():
    left, right = draw_modes(SIZES, SPREADS, title="pets").axes
    assert [line.get_xdata().tolist() for line in left.lines] == [[3, 9, 4], [8, 8]]
    assert [line.get_ydata().tolist() for line in left.lines] == [[0, 0, 0], [1, 1]]
    assert [list(line.get_xdata()) for line in right.lines] == [[2.0, 1.5], [1.0, 2.5]]
    assert [text.get_text() for text in left.get_yticklabels()] == ["cat", "a dog with a very…"]
    assert [text.get_text() for text in right.get_legend().texts] == [
        "within a mode",
        "between modes",
    ]


def test_only_the_first_of_many_classes_are_drawn():
    names = [f"class {number}" for number in range(50)]
    figure = draw_modes(dict.fromkeys(names, (1, 2)), dict.fromkeys(names, (1.0, 1.0)))
    assert len(figure.axes[0].lines) == 20


@pytest.mark.parametrize("sizes", [{}, {"cat": [1]}])
def test_sizes_and_spreads_are_of_the_same_classes(sizes):
    with pytest.raises(ValueError, match="spreads: expected the classes of the sizes"):
        draw_modes(sizes, {"dog": (1.0, 1.0)} if sizes else {})
