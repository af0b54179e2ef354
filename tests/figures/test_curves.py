import math

import numpy as np
import pytest

from mgd3_kedro.figures import draw_loss_curve, draw_training_curves
from mgd3_kedro.figures.style import pick_line_style, shorten

ROWS = [
    {"step": 0, "top1": 10.0, "loss": 2.3},
    {"step": 200, "top1": 60.0, "loss": 0.9},
    {"step": 100, "top1": 40.0, "loss": 1.5},
]


def curve(axes, name):
    (line,) = [line for line in axes.lines if line.get_label() == name]
    return line.get_xydata().tolist()


def test_every_training_has_an_accuracy_and_a_loss_curve_in_order_of_steps():
    other = [{"step": 0, "top1": 9.0, "loss": 2.2}, {"step": 50, "top1": 30.0, "loss": 1.0}]
    figure = draw_training_curves({"mgd3": ROWS, "random": other}, title="Imagenette")
    figure.draw_without_rendering()
    top1, loss = figure.axes
    assert curve(top1, "mgd3") == [[0, 10], [100, 40], [200, 60]]
    assert curve(loss, "mgd3") == [[0, 2.3], [100, 1.5], [200, 0.9]]
    assert curve(top1, "random") == [[0, 9], [50, 30]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["top-1, %", "training loss"]
    assert loss.get_ylim()[0] == 0
    assert figure.get_suptitle() == "Imagenette"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mgd3", "random"]


@pytest.mark.parametrize("missing", [None, math.nan])
def test_what_a_row_does_not_hold_is_left_out_of_its_panel_only(missing):
    rows = [{"step": 0, "loss": 2.0}, {"step": 10, "loss": 1.0, "top1": missing}, ROWS[2]]
    top1, loss = draw_training_curves({"mgd3": rows}).axes
    assert curve(top1, "mgd3") == [[100, 40]]
    assert curve(loss, "mgd3") == [[0, 2], [10, 1], [100, 1.5]]


def test_a_training_without_accuracies_still_draws():
    figure = draw_training_curves({"mgd3": [{"step": 0, "loss": 2.0}]})
    figure.draw_without_rendering()
    assert curve(figure.axes[0], "mgd3") == []


def test_many_trainings_keep_the_plots_readable_and_their_lines_apart():
    figure = draw_training_curves({f"training {i}": ROWS for i in range(20)})
    figure.draw_without_rendering()
    top1, loss = figure.axes
    looks = {(line.get_color(), line.get_linestyle()) for line in loss.lines}
    assert len(looks) == 20
    assert top1.get_window_extent().height > 1.8 * figure.dpi
    assert figure.legends[0].get_window_extent().y1 < top1.get_window_extent().y0


def test_no_training_and_rows_without_a_step_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        draw_training_curves({})
    with pytest.raises(ValueError, match="mgd3: expected a step in every row"):
        draw_training_curves({"mgd3": [{"top1": 3.0}]})
    with pytest.raises(ValueError, match="at least one row with a loss"):
        draw_loss_curve([{"step": 3}])


def test_a_loss_curve_shows_every_report_and_their_running_mean():
    generator = np.random.default_rng(0)
    losses = 1 + generator.random(100)
    rows = [{"step": 10 * i, "loss": loss} for i, loss in enumerate(losses)]
    (axes,) = draw_loss_curve(rows, title="denoiser").axes
    reported, mean = axes.lines
    np.testing.assert_array_equal(reported.get_xydata(), np.c_[np.arange(0, 1000, 10), losses])
    # Five in a hundred reports to either side, together.
    expected = [losses[max(0, i - 3) : i + 4].mean() for i in range(100)]
    np.testing.assert_allclose(mean.get_ydata(), expected)
    assert f"{expected[-1]:.4g}" in mean.get_label()


def test_losses_are_logarithmic_only_where_they_span_much():
    def scale(losses):
        figure = draw_loss_curve([{"step": i, "loss": loss} for i, loss in enumerate(losses)])
        figure.draw_without_rendering()
        return figure.axes[0].get_yscale()

    assert scale([2.0, 0.2]) == "log"
    assert scale([0.3, 0.2]) == "linear"
    assert scale([2.0, 0.0]) == "linear"
    assert scale([2.0, -0.1]) == "linear"


def test_ticks_of_a_logarithmic_loss_are_plain_numbers():
    figure = draw_loss_curve([{"step": i, "loss": 2.0 / (i + 1)} for i in range(10)])
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {"0.2", "0.5", "1", "2"} <= set(labels)


def test_no_two_of_the_first_28_lines_look_alike():
    assert len({pick_line_style(position) for position in range(28)}) == 28


def test_words_are_cut_only_where_they_are_too_long():
    assert shorten("tench", 5) == "tench"
    assert shorten("tench, Tinca tinca", 8) == "tench…"
