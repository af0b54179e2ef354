import json

import numpy as np
import pytest
from matplotlib.colors import to_hex

from mgd3_kedro.figures import draw_interactive_latent_plane, draw_latent_plane


def plan(classes, methods, synthetic=4):
    generator = np.random.default_rng(0)
    return {
        name: (
            generator.normal(size=(30, 2)),
            {method: generator.normal(size=(synthetic, 2)) for method in methods},
        )
        for name in classes
    }


def visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def place(axes):
    spec = axes.get_subplotspec()
    return spec.rowspan.start, spec.colspan.start


def test_one_method_fills_a_grid_of_classes_with_its_samples_over_the_real_ones():
    classes = [f"class {i}" for i in range(7)]
    planes = plan(classes, ["mgd3"])
    figure = draw_latent_plane(planes, title="ipc 4")
    figure.draw_without_rendering()
    assert figure.get_suptitle() == "ipc 4"
    assert [axes.get_title() for axes in visible(figure)] == classes
    assert [place(axes) for axes in visible(figure)] == [
        *((0, column) for column in range(5)),
        (1, 0),
        (1, 1),
    ]
    for name, axes in zip(classes, visible(figure), strict=True):
        real, synthetic = axes.collections
        np.testing.assert_array_equal(real.get_offsets(), planes[name][0])
        np.testing.assert_array_equal(synthetic.get_offsets(), planes[name][1]["mgd3"])
        assert synthetic.get_zorder() > real.get_zorder()
        assert synthetic.get_sizes()[0] > 4 * real.get_sizes()[0]


def test_several_methods_have_a_row_each_and_a_look_of_their_own():
    planes = plan(["cat", "dog", "fox"], ["random", "mgd3"])
    figure = draw_latent_plane(planes)
    figure.draw_without_rendering()
    at = {place(axes): axes for axes in visible(figure)}
    assert len(at) == 6
    assert [at[0, column].get_title() for column in range(3)] == ["cat", "dog", "fox"]
    assert [at[row, 0].get_ylabel() for row in range(2)] == ["random", "mgd3"]
    np.testing.assert_array_equal(at[1, 2].collections[1].get_offsets(), planes["fox"][1]["mgd3"])
    looks = [at[row, 0].collections[1] for row in range(2)]
    assert to_hex(looks[0].get_facecolor()) != to_hex(looks[1].get_facecolor())
    assert len(looks[0].get_paths()[0]) != len(looks[1].get_paths()[0])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["real", "random", "mgd3"]


def test_one_class_shows_its_methods_side_by_side():
    figure = draw_latent_plane(plan(["cat"], ["random", "d4m", "mgd3"]))
    assert [axes.get_title() for axes in visible(figure)] == ["random", "d4m", "mgd3"]
    assert [axes.get_ylabel() for axes in visible(figure)] == ["cat", "", ""]


@pytest.mark.parametrize("methods", [["mgd3"], ["random", "kmeans_closest", "a long name", "mgd3"]])
@pytest.mark.parametrize("classes", [["cat"], ["cat", "dog"]])
def test_the_legend_stays_within_the_figure(classes, methods):
    figure = draw_latent_plane(plan(classes, methods))
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert all(axes.get_window_extent().y0 > box.y1 for axes in visible(figure))


def test_both_axes_of_a_panel_have_one_scale():
    planes = {"cat": (np.array([[0.0, 0.0], [100.0, 1.0]]), {"mgd3": np.array([[50.0, 0.0]])})}
    figure = draw_latent_plane(planes)
    figure.draw_without_rendering()
    (axes,) = visible(figure)
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
    assert x1 - x0 == pytest.approx(y1 - y0)


@pytest.mark.parametrize("draw", [draw_latent_plane, draw_interactive_latent_plane])
def test_no_class_and_classes_of_different_methods_are_refused(draw):
    with pytest.raises(ValueError, match="at least one class"):
        draw({})
    with pytest.raises(ValueError, match=r"same methods \['a'\], got \['b'\] for 'dog'"):
        draw(plan(["cat"], ["a"]) | plan(["dog"], ["b"]))
    with pytest.raises(ValueError, match="same methods"):
        draw(plan(["cat"], []))


def test_the_interactive_plane_shows_the_class_chosen_from_its_menu():
    planes = plan(["cat", "dog"], ["random", "mgd3"])
    figure = draw_interactive_latent_plane(planes, title="ipc 4")
    assert figure.layout.title.text == "ipc 4"
    assert [trace.visible for trace in figure.data] == [True] * 3 + [False] * 3
    (menu,) = figure.layout.updatemenus
    assert [button.label for button in menu.buttons] == ["cat", "dog"]
    _, shown = menu.buttons[1].args
    assert list(shown) == [False] * 3 + [True] * 3
    trace = figure.data[5]
    np.testing.assert_array_equal(np.c_[trace.x, trace.y], planes["dog"][1]["mgd3"])
    assert trace.name == "synthetic: mgd3"
    assert list(trace.customdata) == [0, 1, 2, 3]
    assert len(json.loads(figure.to_json())["data"]) == 6
