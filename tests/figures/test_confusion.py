import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mgd3_kedro.figures import draw_confusion

COUNTS = np.array([[8, 2, 0], [0, 5, 5], [0, 0, 20]])


def test_counts_are_written_and_coloured_by_share_of_the_true_class():
    figure = draw_confusion(COUNTS, ["cat", "dog", "fox"], title="ConvNet-3")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[80, 20, 0], [0, 50, 50], [0, 0, 100]])
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "8", (1, 0): "2", (1, 1): "5", (2, 1): "5", (2, 2): "20"}
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog", "fox"]
    assert axes.get_xlabel() == "predicted"
    assert axes.get_ylabel() == "true"
    assert axes.get_title() == "top-1 82.5 % of 40 images"
    assert figure.get_suptitle() == "ConvNet-3"


@pytest.mark.parametrize("share", range(5, 100, 5))
def test_every_number_stands_out_from_its_cell(share):
    axes = draw_confusion(np.array([[share, 100 - share], [1, 99]]), ["cat", "dog"]).axes[0]
    image = axes.images[0]
    assert len(axes.texts) == 4
    for text in axes.texts:
        column, row = text.get_position()
        cell = luminance(image.to_rgba(image.get_array())[row, column, :3])
        ink = luminance(np.array(to_rgb(text.get_color())))
        light, dark = max(cell, ink), min(cell, ink)
        assert (light + 0.05) / (dark + 0.05) > 3


def luminance(rgb):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_many_classes_get_colours_alone():
    axes = draw_confusion(np.eye(21, dtype=int), [f"class {i}" for i in range(21)]).axes[0]
    assert len(axes.texts) == 0
    assert "class" not in "".join(label.get_text() for label in axes.get_xticklabels())
    assert axes.images[0].get_array().shape == (21, 21)


def test_a_class_without_images_is_empty_rather_than_undefined():
    axes = draw_confusion(np.array([[0, 0], [1, 3]]), ["cat", "dog"]).axes[0]
    assert axes.images[0].get_array().tolist() == [[0, 0], [25, 75]]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((2, 3)), r"shape \(2, 2\) for 2 class names, got \(2, 3\)"),
        (np.zeros((2, 2)), "sum 0"),
        (np.array([[3, -1], [0, 1]]), "minimum -1"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        draw_confusion(counts, ["cat", "dog"])
