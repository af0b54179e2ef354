import json

import numpy as np
import pandas as pd
import pytest
from drawn import encode_figure
from matplotlib.colors import to_hex

from mgd3_kedro.figures import draw_interactive_sweep, draw_sweep
from mgd3_kedro.figures.looks import pick_method_looks

STEPS = range(0, 51, 5)
TRAININGS = [
    {
        "method": method,
        "network": network,
        "seed": seed,
        "stop_guidance_step": step,
        "top1_last": 50 + 10 * (method == "mgd3") + seed * seed + step / 10,
        "diversity": 8 - step / 50 + seed,
        "representativeness": 5 + step / 25,
    }
    for step in reversed(STEPS)
    for method in ("mgd3", "d4m")
    for network in ("convnet6", "resnet18")
    for seed in range(3)
]
ROWS = pd.DataFrame(TRAININGS)
GIVEN = pd.DataFrame(
    {
        "method": "mgd3",
        "ipc": [50, 1, 10],
        "top1_last_mean": [70.0, 30.0, 60.0],
        "top1_last_low": [69.0, np.nan, 57.0],
        "top1_last_high": [73.0, np.nan, 62.0],
    }
)


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def notes(figure):
    # Notes are wrapped.
    return " ".join(figure.legends[0].get_title().get_text().split())


def bands(axes):
    """Return the corners of every filled band, rounded."""
    return [
        {tuple(np.round(corner, 6)) for corner in one.get_paths()[0].vertices}
        for one in axes.collections
    ]


def test_measures_are_panels_and_methods_on_networks_are_lines_of_means():
    figure = draw_sweep(ROWS, "stop_guidance_step", headline="top1_last", title="Imagenette")
    figure.draw_without_rendering()
    assert figure.get_suptitle() == "Imagenette"
    assert len(figure.axes) == 3
    top1, diversity, representativeness = map(lines, figure.axes)
    assert list(top1) == ["mgd3, convnet6", "mgd3, resnet18", "d4m, convnet6", "d4m, resnet18"]
    for name, offset in (("mgd3, convnet6", 60), ("d4m, resnet18", 50)):
        expected = [[step, offset + 5 / 3 + step / 10] for step in STEPS]
        np.testing.assert_allclose(top1[name].get_xydata(), expected)
    means = diversity["mgd3, resnet18"].get_ydata()
    np.testing.assert_allclose(means, [9 - step / 50 for step in STEPS])
    nearest = representativeness["d4m, convnet6"].get_ydata()
    np.testing.assert_allclose(nearest, [5 + step / 25 for step in STEPS])


def test_bands_are_the_populations_standard_deviation_of_the_trainings():
    figure = draw_sweep(ROWS[ROWS["method"] == "d4m"], "stop_guidance_step", headline="top1_last")
    band = bands(figure.axes[0])[0]
    # Of 0, 1 and 4: mean 5/3, mean square 17/3.
    deviation = np.sqrt(17 / 3 - 25 / 9)
    for step in STEPS:
        mean = 50 + 5 / 3 + step / 10
        assert {(step, round(mean - deviation, 6)), (step, round(mean + deviation, 6))} <= band
    assert "mean ± population standard deviation" in notes(figure)


def test_means_and_bands_that_rows_give_are_drawn_as_they_are():
    figure = draw_sweep(GIVEN, "ipc", headline="top1_last")
    (axes,) = figure.axes
    (line,) = lines(axes).values()
    assert line.get_xydata().tolist() == [[1, 30], [10, 60], [50, 70]]
    assert {(10, 57), (10, 62), (50, 69), (50, 73)} <= bands(axes)[0]
    assert not any(x == 1 for x, _ in bands(axes)[0])
    assert "low to high, as given" in notes(figure)


def test_a_given_deviation_stands_in_for_an_interval():
    rows = GIVEN.drop(columns=["top1_last_low", "top1_last_high"]).assign(top1_last_std=2.0)
    figure = draw_sweep(rows, "ipc", headline="top1_last")
    assert {(1, 28), (1, 32), (50, 68), (50, 72)} <= bands(figure.axes[0])[0]
    assert "population standard deviation" in notes(figure)


def test_a_band_without_neighbours_is_a_bar():
    rows = GIVEN.assign(top1_last_low=[np.nan, np.nan, 57.0])
    (axes,) = draw_sweep(rows, "ipc", headline="top1_last").axes
    assert not axes.collections
    (bar,) = [line for line in axes.lines if line.get_label().startswith("_")]
    assert bar.get_xydata().tolist() == [[10, 57], [10, 62]]


def test_stop_steps_fall_and_images_per_class_are_on_a_logarithmic_axis():
    axes = draw_sweep(ROWS, "stop_guidance_step", headline="top1_last").axes[-1]
    left, right = axes.get_xlim()
    assert left > right
    assert "t_SG" in axes.get_xlabel()
    figure = draw_sweep(GIVEN, "ipc", headline="top1_last")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "10", "50"]
    assert len(axes.xaxis.get_minorticklocs()) == 0
    assert axes.get_ylabel() == "top-1 (last), %"


def test_values_too_near_for_labels_of_their_own_have_ordinary_ticks():
    rows = pd.DataFrame(
        {"method": "mgd3", "mode_guidance_scale": [0.01, 0.02, 1.0], "top1_best": 5.0}
    )
    (axes,) = draw_sweep(rows, "mode_guidance_scale", headline="top1_best").axes
    assert 0.01 not in axes.get_xticks()
    assert axes.get_xscale() == "linear"


FINDERS = pd.DataFrame(
    [
        {"method": method, "mode_finder": finder, "seed": seed, "top1_last": 10 * place + seed}
        for place, finder in enumerate(["random", "dbscan", "kmeans"])
        for method in ("mgd3", "unguided")
        for seed in (0, 2)
    ]
)


def test_categories_keep_the_order_of_the_rows_and_methods_lie_side_by_side():
    figure = draw_sweep(FINDERS, "mode_finder", headline="top1_last")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["random", "dbscan", "kmeans"]
    drawn = lines(axes)
    assert list(drawn) == ["mgd3", "unguided"]
    for line in drawn.values():
        assert line.get_linestyle() == "None"
        np.testing.assert_array_equal(np.round(line.get_xdata()), [0, 1, 2])
        np.testing.assert_array_equal(line.get_ydata(), [1, 11, 21])
    left, right = (line.get_xdata() for line in drawn.values())
    assert ((right - left) > 0.05).all()
    spans = [line.get_ydata().tolist() for line in axes.lines if line.get_label()[0] == "_"]
    assert spans == [[0, 2], [10, 12], [20, 22]] * 2


def test_methods_that_are_the_categories_lie_at_their_names():
    rows = pd.DataFrame(
        {"method": ["kmeans_closest", "mgd3"] * 2, "seed": [0, 0, 1, 1], "top1_last": [1, 2, 3, 4]}
    )
    axes = draw_sweep(rows, "method", headline="top1_last").axes[0]
    assert [list(line.get_xdata()) for line in lines(axes).values()] == [[0], [1]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["kmeans_closest", "mgd3"]


def test_settings_that_differ_are_never_averaged_away():
    rows = ROWS.assign(ipc=[10, 50] * (len(ROWS) // 2))
    (axes, *_) = draw_sweep(rows, "stop_guidance_step", headline="top1_last").axes
    assert "mgd3, ipc 10, convnet6" in lines(axes)
    rows = ROWS.assign(mode_finder=[None if seed == 2 else "kmeans" for seed in ROWS["seed"]])
    knob, axes = "stop_guidance_step", ("mode_finder",)
    (panel, *_) = draw_sweep(rows, knob, headline="top1_last", axes=axes).axes
    assert "d4m, convnet6, no mode_finder" in lines(panel)
    assert lines(panel)["d4m, convnet6, no mode_finder"].get_ydata()[0] == 54


def test_a_method_tells_its_network_but_of_the_axes_only_those_that_it_varies():
    rows = pd.DataFrame(
        [
            {"method": "mgd3", "network": "a", "sampler": "ddpm", "mode_guidance_scale": 0.1},
            {"method": "mgd3", "network": "a", "sampler": "ddpm", "mode_guidance_scale": 0.2},
            {"method": "random", "network": "b", "sampler": None, "mode_guidance_scale": None},
        ]
    ).assign(ipc=10, top1_last=[1.0, 2.0, 3.0])
    axes = ("sampler", "mode_guidance_scale")
    (panel,) = draw_sweep(rows, "ipc", headline="top1_last", axes=axes).axes
    assert list(lines(panel)) == [
        "mgd3, a, mode_guidance_scale 0.1",
        "mgd3, a, mode_guidance_scale 0.2",
        "random, b",
    ]


def test_a_method_has_one_colour_and_its_lines_differ_otherwise():
    (axes, *_) = draw_sweep(ROWS, "stop_guidance_step", headline="top1_last").axes
    looks = pick_method_looks(["mgd3", "d4m"])
    drawn = lines(axes)
    for name, line in drawn.items():
        assert to_hex(line.get_color()) == looks[name.split(",")[0]].colour.lower()
    styles = [(line.get_color(), line.get_linestyle()) for line in drawn.values()]
    markers = [(line.get_color(), line.get_marker()) for line in drawn.values()]
    assert len(set(styles)) == len(set(markers)) == 4


def test_what_is_missing_is_left_out_and_said():
    rows = ROWS.copy().astype({"stop_guidance_step": float})
    rows.loc[[0, 1], "stop_guidance_step"] = np.nan
    rows.loc[rows["stop_guidance_step"] == 0, "top1_last"] = np.nan
    figure = draw_sweep(rows, "stop_guidance_step", headline="top1_last")
    top1, diversity, _ = figure.axes
    assert 0 not in lines(top1)["d4m, convnet6"].get_xdata()
    assert 0 in lines(diversity)["d4m, convnet6"].get_xdata()
    assert "left out: 2 rows without stop_guidance_step" in notes(figure)
    assert "left out: 12 rows without top1_last" in notes(figure)
    assert "without diversity" not in notes(figure)


@pytest.mark.parametrize("draw", [draw_sweep, draw_interactive_sweep])
@pytest.mark.parametrize(
    ("rows", "knob", "message"),
    [
        (ROWS[:0], "stop_guidance_step", "rows: expected at least one row, got none"),
        (ROWS, "ipc", "rows: expected columns ipc, got"),
        (ROWS.drop(columns="top1_last"), "seed", "column top1_last or top1_last_mean"),
        (ROWS.assign(ipc=np.nan), "ipc", "at least one with a ipc, got 132 without"),
        (ROWS.assign(top1_last=np.nan), "seed", "at least one value of top1_last"),
        (pd.concat([GIVEN, GIVEN]), "ipc", "one mean of top1_last per line and ipc, got 2 at 50"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, rows, knob, message):
    with pytest.raises(ValueError, match=message):
        draw(rows, knob, headline="top1_last")


def test_the_legend_lies_below_the_axes_and_within_the_figure():
    figure = draw_sweep(ROWS, "stop_guidance_step", headline="top1_last")
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert all(axes.get_tightbbox().y0 >= box.y1 for axes in figure.axes)


def test_the_same_rows_give_the_same_small_file():
    first, again = (
        encode_figure(draw_sweep(ROWS, "stop_guidance_step", headline="top1_last", further=()))
        for _ in range(2)
    )
    assert first == again
    assert len(first) < 100_000


def test_the_interactive_sweep_holds_the_same_points_and_bands():
    figure = draw_interactive_sweep(ROWS, "stop_guidance_step", headline="top1_last", title="t")
    assert len(figure.data) == 12
    trace = figure.data[2]
    assert trace.name == "d4m, convnet6"
    np.testing.assert_allclose(trace.x, list(STEPS))
    np.testing.assert_allclose(trace.y, [50 + 5 / 3 + step / 10 for step in STEPS])
    np.testing.assert_allclose(trace.error_y.array, np.std([0, 1, 4]))
    np.testing.assert_allclose(trace.error_y.arrayminus, np.std([0, 1, 4]))
    assert trace.customdata[1] == "5: 52.17 (50.47 to 53.87)"
    assert [trace.showlegend for trace in figure.data] == [True] * 4 + [False] * 8
    assert figure.layout.xaxis.autorange == "reversed"
    assert "standard deviation" in figure.layout.title.subtitle.text
    content = figure.to_json()
    again = draw_interactive_sweep(ROWS, "stop_guidance_step", headline="top1_last", title="t")
    assert again.to_json() == content
    assert len(content) < 50_000
    assert len(json.loads(content)["data"]) == 12


def test_the_interactive_sweep_has_categories_and_logarithmic_axes_too():
    figure = draw_interactive_sweep(FINDERS, "mode_finder", headline="top1_last")
    assert list(figure.layout.xaxis.ticktext) == ["random", "dbscan", "kmeans"]
    assert figure.data[0].mode == "markers"
    assert figure.data[0].customdata[2] == "kmeans: 21 (20 to 22)"
    figure = draw_interactive_sweep(GIVEN, "ipc", headline="top1_last")
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis.tickvals) == [1, 10, 50]
    assert figure.data[0].customdata[0] == "1: 30"
