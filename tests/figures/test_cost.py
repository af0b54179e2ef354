import matplotlib
import numpy as np
import pandas as pd
import pytest
from drawn import encode_figure
from matplotlib.colors import to_hex

from mgd3_kedro.figures import draw_cost
from mgd3_kedro.figures.style import COLOURS

STAGES = pd.DataFrame(
    [
        ("mgd3", "encode", 20.0),
        ("mgd3", "generate", 100.0),
        ("random", "train", 50.0),
        ("mgd3", "train", 60.0),
        ("random", "encode", 10.0),
    ],
    columns=["method", "stage", "seconds"],
)


def bars(axes):
    """Return stage -> start and length of its part of the bar of every method."""
    return {
        container.get_label(): [(bar.get_x(), bar.get_width()) for bar in container]
        for container in axes.containers
    }


def test_stages_are_stacked_in_order_with_the_total_at_the_end():
    figure = draw_cost(STAGES, title="H200")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert figure.get_suptitle() == "H200"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mgd3", "random"]
    assert axes.get_xlabel() == "time, minutes"
    drawn = bars(axes)
    assert list(drawn) == ["encode", "generate", "train"]
    np.testing.assert_allclose(drawn["encode"], [(0, 1 / 3), (0, 1 / 6)])
    np.testing.assert_allclose(drawn["generate"], [(1 / 3, 5 / 3), (1 / 6, 0)])
    np.testing.assert_allclose(drawn["train"], [(2, 1), (1 / 6, 5 / 6)])
    assert [text.get_text() for text in axes.texts] == ["3", "1"]
    top, bottom = axes.get_ylim()
    assert top > bottom


@pytest.mark.parametrize(
    ("seconds", "unit", "length"), [(100, "seconds", 100), (120, "minutes", 2), (7200, "hours", 2)]
)
def test_the_unit_suits_the_longest_bar(seconds, unit, length):
    rows = pd.DataFrame({"method": ["a", "b"], "stage": "encode", "seconds": [seconds, 1]})
    (axes,) = draw_cost(rows).axes
    assert axes.get_xlabel() == f"time, {unit}"
    assert bars(axes)["encode"][0] == (0, pytest.approx(length))


def test_stages_have_colours_of_rising_lightness_that_no_method_has():
    (axes,) = draw_cost(STAGES).axes
    colours = [container[0].get_facecolor()[:3] for container in axes.containers]
    lightness = [np.dot(colour, [0.2126, 0.7152, 0.0722]) for colour in colours]
    assert np.diff(lightness).min() > 0.1
    assert {to_hex(colour) for colour in colours}.isdisjoint(c.lower() for c in COLOURS)
    assert to_hex(colours[0]) == to_hex(matplotlib.colormaps["cividis"](0.0))


def test_a_stage_without_a_time_is_left_out_and_said():
    rows = STAGES.copy()
    rows.loc[1, "seconds"] = np.nan
    figure = draw_cost(rows)
    assert list(bars(figure.axes[0])) == ["encode", "train"]
    assert "left out: 1 stage without seconds" in figure.legends[0].get_title().get_text()


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (STAGES[:0], "at least one row"),
        (STAGES.drop(columns="stage"), "expected columns stage"),
        (STAGES.assign(seconds=np.nan), "at least one with seconds, got none"),
        (STAGES.assign(seconds=-1.0), "seconds of 0 or more, got -1.0 for encode of mgd3"),
        (STAGES.assign(seconds=np.inf), "seconds of 0 or more, got inf"),
        (pd.concat([STAGES, STAGES[1:2]]), "one row per .* got generate of mgd3 again"),
    ],
)
def test_what_are_no_times_is_refused(stages, message):
    with pytest.raises(ValueError, match=message):
        draw_cost(stages)


def test_the_same_times_give_the_same_small_file():
    first = encode_figure(draw_cost(STAGES))
    assert encode_figure(draw_cost(STAGES)) == first
    assert len(first) < 100_000
