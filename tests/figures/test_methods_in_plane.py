import numpy as np
import pytest
from drawn import encode_figure
from matplotlib.colors import to_hex

from mgd3_kedro.figures import (
    draw_interactive_methods_in_plane,
    draw_methods_in_plane,
)
from mgd3_kedro.figures.looks import pick_method_looks

GENERATOR = np.random.default_rng(0)
REAL = GENERATOR.normal(size=(300, 2))
METHODS = {
    method: GENERATOR.normal(size=(5 + place, 2)) + 10 * place
    for place, method in enumerate(["random", "unguided", "d4m", "mgd3", "mine"])
}


def visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def test_every_method_has_a_panel_over_the_same_real_samples():
    figure = draw_methods_in_plane(REAL, METHODS, title="tench")
    figure.draw_without_rendering()
    assert figure.get_suptitle() == "tench"
    assert [axes.get_title() for axes in visible(figure)] == list(METHODS)
    looks = pick_method_looks(METHODS)
    for (method, points), axes in zip(METHODS.items(), visible(figure), strict=True):
        real, synthetic = axes.collections
        np.testing.assert_array_equal(real.get_offsets(), REAL)
        np.testing.assert_array_equal(synthetic.get_offsets(), points)
        assert to_hex(synthetic.get_facecolor()) == looks[method].colour.lower()
        assert synthetic.get_zorder() > real.get_zorder()


def test_panels_share_one_scale_for_both_axes():
    figure = draw_methods_in_plane(REAL, METHODS)
    figure.draw_without_rendering()
    panels = visible(figure)
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in panels}) == 1
    (x0, y0), (x1, y1) = panels[0].transData.transform([(0, 0), (1, 1)])
    assert x1 - x0 == pytest.approx(y1 - y0)
    # The last method lies 40 away from the first: all of it is within the panel of the first.
    assert panels[0].get_xlim()[1] > METHODS["mine"][:, 0].max()


@pytest.mark.parametrize(("methods", "grid"), [(1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (5, (2, 3))])
def test_panels_fill_a_grid_narrow_enough_to_be_read_when_small(methods, grid):
    chosen = dict(list(METHODS.items())[:methods])
    figure = draw_methods_in_plane(REAL, chosen)
    spec = visible(figure)[0].get_subplotspec().get_gridspec()
    assert (spec.nrows, spec.ncols) == grid
    assert figure.get_figwidth() < 5


def test_what_is_not_finite_is_left_out_and_said_and_keeps_the_numbers_of_the_others():
    points = np.array([[0.0, 1.0], [np.nan, 2.0], [4.0, 5.0]])
    figure = draw_methods_in_plane(REAL, {"mgd3": points})
    assert visible(figure)[0].collections[1].get_offsets().tolist() == [[0, 1], [4, 5]]
    note = "left out: 1 sample of mgd3"
    assert note in figure.legends[0].get_title().get_text()
    browser = draw_interactive_methods_in_plane(REAL, {"mgd3": points})
    assert note in browser.layout.title.subtitle.text
    assert list(browser.data[1].customdata) == [0, 2]


@pytest.mark.parametrize("draw", [draw_methods_in_plane, draw_interactive_methods_in_plane])
@pytest.mark.parametrize(
    ("real", "methods", "message"),
    [
        (REAL, {}, "methods: expected at least one, got none"),
        (REAL[:0], METHODS, r"the real ones: expected shape \(N, 2\) with N > 0, got \(0, 2\)"),
        (REAL, {"mgd3": np.zeros((3, 4))}, r"mgd3: expected shape .* got \(3, 4\)"),
    ],
)
def test_what_is_no_set_of_points_is_refused(draw, real, methods, message):
    with pytest.raises(ValueError, match=message):
        draw(real, methods)


def test_the_same_points_give_the_same_small_file():
    first = encode_figure(draw_methods_in_plane(REAL, METHODS))
    assert encode_figure(draw_methods_in_plane(REAL, METHODS)) == first
    assert len(first) < 150_000


def test_the_interactive_plane_lays_all_methods_over_each_other():
    figure = draw_interactive_methods_in_plane(REAL, METHODS, title="tench")
    assert figure.layout.title.text == "tench"
    assert [trace.name for trace in figure.data] == ["real", *METHODS]
    np.testing.assert_array_equal(np.c_[figure.data[0].x, figure.data[0].y], REAL)
    for trace, (method, points) in zip(figure.data[1:], METHODS.items(), strict=True):
        np.testing.assert_array_equal(np.c_[trace.x, trace.y], points)
        assert trace.marker.color == pick_method_looks(METHODS)[method].colour
        assert list(trace.customdata) == list(range(len(points)))
    assert figure.layout.yaxis.scaleanchor == "x"
    assert draw_interactive_methods_in_plane(REAL, METHODS, title="tench") == figure
