import numpy as np
import pandas as pd
import pytest
from drawn import encode_figure
from matplotlib.colors import to_hex

from mgd3_kedro.figures import draw_interactive_trade_off, draw_trade_off
from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.metrics.normalisation import normalise_scores

COLUMNS = ["method", "wnid", "class_name", "diversity_normalised", "representativeness_normalised"]
SCORES = pd.DataFrame(
    [
        ("random", "n1", "crane", 0.25, 0.5),
        ("random", "n2", "crane", 0.75, 0.0),
        ("mgd3", "n1", "crane", 1.0, 0.75),
        ("mgd3", "n2", "crane", 0.5, 0.25),
        ("mgd3", "n2", "crane", 0.0, 0.75),
    ],
    columns=COLUMNS,
)
POINTS = {"random": [[0.25, 0.5], [0.75, 0]], "mgd3": [[1, 0.75], [0.25, 0.5]]}
MEANS = {"random": [0.5, 0.25], "mgd3": [0.625, 0.625]}


def test_every_class_is_a_point_and_the_mean_of_a_method_a_larger_one():
    figure = draw_trade_off(SCORES, title="ipc 10")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    classes, means = axes.collections[:2], axes.collections[2:]
    for method, points, mean in zip(POINTS, classes, means, strict=True):
        np.testing.assert_allclose(points.get_offsets(), POINTS[method])
        np.testing.assert_allclose(mean.get_offsets(), [MEANS[method]])
        assert mean.get_label() == method
        assert mean.get_sizes()[0] > 4 * points.get_sizes()[0]
        colour = pick_method_looks([method])[method].colour.lower()
        drawn = {to_hex(one) for one in points.get_facecolors()}
        assert {to_hex(mean.get_facecolor())} == drawn == {colour}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["random", "mgd3"]
    assert "large: mean over classes" in legend.get_title().get_text()
    assert "diversity" in axes.get_xlabel()
    assert "representativeness" in axes.get_ylabel()
    for low, high in (axes.get_xlim(), axes.get_ylim()):
        assert low < 0
        assert high > 1


def test_a_class_without_a_score_is_left_out_and_said():
    scores = SCORES.copy()
    scores.loc[0, "diversity_normalised"] = np.nan
    figure = draw_trade_off(scores)
    assert figure.axes[0].collections[0].get_offsets().tolist() == [[0.75, 0]]
    assert "left out: 1 class of random" in figure.legends[0].get_title().get_text()
    assert (
        "left out: 1 class of random"
        in draw_interactive_trade_off(scores).layout.title.subtitle.text
    )


def test_a_method_without_any_class_has_no_mark_but_is_said():
    scores = SCORES.copy()
    scores.loc[[0, 1], "diversity_normalised"] = np.nan
    (legend,) = draw_trade_off(scores).legends
    assert [text.get_text() for text in legend.get_texts()] == ["mgd3"]
    assert "2 classes of random" in legend.get_title().get_text()


def test_distances_become_points_once_they_are_normalised():
    distances = SCORES.rename(columns=lambda name: name.removesuffix("_normalised")) * 1
    distances["representativeness"] = 9 - 4 * distances["representativeness"]
    distances["diversity"] = 2 + 8 * distances["diversity"]
    figure = draw_trade_off(normalise_scores(distances))
    drawn = np.concatenate([points.get_offsets() for points in figure.axes[0].collections[:2]])
    # Class n1: diversities 4 and 10, distances 7 and 6; n2: diversities 8, 6, 2; distances 9, 8, 6.
    expected = [[0, 0], [1, 0], [1, 1], [(4 / 6 + 0) / 2, (1 / 3 + 1) / 2]]
    np.testing.assert_allclose(drawn, expected, atol=1e-12)


@pytest.mark.parametrize("draw", [draw_trade_off, draw_interactive_trade_off])
@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (SCORES[:0], "at least one row"),
        (SCORES.drop(columns="class_name"), "expected columns class_name"),
        (SCORES.assign(diversity_normalised=7.06), r"in \[0, 1\], got 0 to 7.06"),
        (SCORES.assign(diversity_normalised=np.nan), "at least one class with both scores"),
    ],
)
def test_what_is_no_normalised_score_is_refused(draw, scores, message):
    with pytest.raises(ValueError, match=message):
        draw(scores)


def test_the_same_scores_give_the_same_small_file():
    first = encode_figure(draw_trade_off(SCORES))
    assert encode_figure(draw_trade_off(SCORES)) == first
    assert len(first) < 150_000


def test_points_of_the_interactive_figure_tell_their_class():
    figure = draw_interactive_trade_off(SCORES.assign(class_name=[*"abcdd"]), title="ipc 10")
    assert figure.layout.title.text == "ipc 10"
    random, random_mean, mgd3, mgd3_mean = figure.data
    assert list(random.customdata) == ["a", "b"]
    assert list(mgd3.customdata) == ["c", "d"]
    assert "%{customdata}" in mgd3.hovertemplate
    np.testing.assert_allclose(np.c_[mgd3.x, mgd3.y], POINTS["mgd3"])
    np.testing.assert_allclose([*mgd3_mean.x, *mgd3_mean.y], MEANS["mgd3"])
    assert mgd3_mean.marker.size > mgd3.marker.size
    assert random_mean.legendgroup == random.legendgroup == "random"
    assert (
        draw_interactive_trade_off(SCORES).to_json() == draw_interactive_trade_off(SCORES).to_json()
    )


@pytest.fixture
def with_outlier():
    """Return nine classes of a method close to each other, and one of another far from all."""
    near = [("mgd3", f"n{n}", f"c{n}", 0.80 + 0.01 * n, 0.90 + 0.005 * n) for n in range(9)]
    return pd.DataFrame([*near, ("noise", "n0", "c0", 0.1, 0.05)], columns=COLUMNS)


def test_a_point_far_out_is_marked_at_the_edge_and_the_axes_fit_the_others(with_outlier):
    figure = draw_trade_off(with_outlier)
    (axes,) = figure.axes
    near, far, _, mean = axes.collections
    np.testing.assert_allclose(near.get_offsets(), with_outlier[COLUMNS[3:]][:9])
    np.testing.assert_allclose(far.get_offsets(), [[0.80, 0.90]])
    np.testing.assert_allclose(mean.get_offsets(), [[0.80, 0.90]])
    assert far.get_facecolors()[0][3] == 0 < far.get_edgecolors()[0][3]
    assert near.get_facecolors()[0][3] > 0
    assert 0.79 < axes.get_xlim()[0] < 0.80
    assert 0.94 < axes.get_ylim()[1] < 0.95
    assert "classes further out (1 of noise)" in figure.legends[0].get_title().get_text()


def test_the_interactive_figure_tells_where_a_point_far_out_is(with_outlier):
    figure = draw_interactive_trade_off(with_outlier)
    noise = next(trace for trace in figure.data if trace.name == "noise")
    assert (noise.x[0], noise.y[0]) == (0.80, 0.90)
    assert noise.text[0] == "diversity 0.100<br>representativeness 0.050"
    assert noise.marker.symbol[0].endswith("-open")
    assert figure.layout.xaxis.range[0] > 0.79
