import numpy as np
import pytest
from drawn import encode_figure

from mgd3_kedro.figures import draw_nearest


@pytest.fixture
def distances():
    generator = np.random.default_rng(0)
    return 12 + generator.random(300), 13 + 2 * generator.random(900)


def filled(axes):
    """Return set -> (heights, edges) of its filled histogram."""
    return {patch.get_label(): patch.get_data()[:2] for patch in axes.patches if patch.get_label()}


def test_both_sets_are_drawn_as_shares_in_bins_of_one_width(distances):
    figure = draw_nearest(*distances, title="imagenette64")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    drawn = filled(axes)
    assert list(drawn) == ["samples (300)", "test images (900)"]
    (samples, edges), (unseen, others) = drawn.values()
    np.testing.assert_array_equal(edges, others)
    assert samples.sum() == pytest.approx(100)
    assert unseen.sum() == pytest.approx(100)
    counted = np.histogram(distances[1], edges)[0] / 9
    np.testing.assert_allclose(unseen, counted)
    assert figure.get_suptitle() == "imagenette64"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(drawn)


def test_the_line_is_where_one_percent_of_the_unseen_end_and_says_how_many_samples_are_nearer(
    distances,
):
    samples, unseen = distances
    (axes,) = draw_nearest(samples, unseen).axes
    (line,) = axes.lines
    limit = np.percentile(unseen, 1)
    assert line.get_xdata() == pytest.approx([limit, limit])
    (words,) = axes.texts
    assert words.get_text().endswith(f"{100 * (samples < limit).mean():.1f} % of samples")


def test_the_axis_begins_where_a_copy_lies(distances):
    figure = draw_nearest(*distances)
    figure.draw_without_rendering()
    left, right = figure.axes[0].get_xlim()
    assert left == 0
    assert right > distances[1].max()


def test_copies_alone_still_draw():
    assert encode_figure(draw_nearest(np.zeros(5), np.zeros(3)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], r"samples: expected finite distances, .* got shape \(0,\)"),
        ([[1.0]], r"got shape \(1, 1\)"),
        ([1.0, np.inf], "with 1 that are not finite"),
    ],
)
def test_what_are_no_distances_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        draw_nearest(values, [1.0])
    with pytest.raises(ValueError, match=message.replace("samples", "unseen")):
        draw_nearest([1.0], values)
