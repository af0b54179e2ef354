import numpy as np
import pandas as pd
import pytest
import torch

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.pipelines.report_sweep.nodes import (
    draw_images_over_knob,
    draw_knob,
    find_knob,
    tabulate_sweep,
)
from mgd3_kedro.pipelines.report_sweep.page import write_sweep_page
from mgd3_kedro.stages import Partition

STATES = dict.fromkeys(("seconds", "run_id", "error", "code_version", "stamp"), "")
STOPS, SEEDS = (0, 25), (0, 1)
GRID = [(f"stop={stop}-seed={seed}", stop, seed) for stop in STOPS for seed in SEEDS]
POINTS = pd.DataFrame(
    [
        {
            "point": name,
            "sampling.stop_guidance_step": stop,
            "seed": seed,
            "status": "done",
            **STATES,
        }
        for name, stop, seed in GRID
    ]
)
ROWS = pd.DataFrame(
    [
        {
            "point": name,
            "method": "mgd3",
            "seed": seed,
            "stop_guidance_step": stop,
            "top1_last": 50.0 + stop + seed,
            "top1_best": 60.0,
        }
        for name, stop, seed in GRID
    ]
)
BIRDS = Benchmark("birds", 8, tuple(ClassSpec(i, f"n{i}", i, f"bird {i}") for i in range(2)))


def scores(**changes):
    rows = [
        {"point": name, "wnid": wnid, "diversity": place + 10.0 * wnid, "coverage": 0.5}
        for place, (name, _, _) in enumerate(GRID)
        for wnid in (0, 1)
    ]
    return pd.DataFrame(rows).assign(**changes)


def test_scores_are_means_over_classes_beside_the_rows_of_their_point():
    table = tabulate_sweep(ROWS.iloc[::-1], scores())
    assert table["point"].tolist() == ROWS["point"].tolist()[::-1]
    assert table.set_index("point")["diversity"].to_dict() == {
        name: 5.0 + place for place, (name, _, _) in enumerate(GRID)
    }
    assert set(table["coverage"]) == {0.5}


def test_a_score_that_a_class_lacks_is_empty():
    given = scores()
    given.loc[0, "diversity"] = np.nan
    found = tabulate_sweep(ROWS, given).set_index("point")["diversity"]
    assert found.isna().tolist() == [True, False, False, False]


def test_an_axis_that_is_called_as_a_score_keeps_its_column():
    axis = {"precision": ["fp32", "bf16"] * 2}
    table = tabulate_sweep(ROWS.assign(**axis), scores(precision=0.7))
    assert table["precision"].tolist() == axis["precision"]
    assert set(table["precision_of_images"]) == {0.7}
    points = POINTS.rename(columns={"sampling.stop_guidance_step": "precision"}).assign(**axis)
    picture, interactive = draw_knob(table, points, "precision", "top1_last")
    assert picture.axes
    assert interactive.data
    given = (table.assign(benchmark="birds"), points, interactive, "precision", "top1_last")
    assert "fp32" in write_sweep_page(*given, "numbers")


def test_points_without_scores_have_rows_all_the_same():
    assert tabulate_sweep(ROWS, pd.DataFrame()).equals(ROWS)


def test_a_sweep_without_trainings_is_refused():
    with pytest.raises(ValueError, match="expected points with trainings, got none"):
        tabulate_sweep(pd.DataFrame(), pd.DataFrame())


def test_the_knob_is_the_axis_that_is_no_method_and_no_seed():
    assert find_knob(POINTS, None) == "stop_guidance_step"
    assert find_knob(POINTS, "seed") == "seed"
    assert find_knob(POINTS.assign(method="mgd3"), None) == "stop_guidance_step"


@pytest.mark.parametrize(
    ("points", "knob", "message"),
    [
        (POINTS, "stop", "expected one of stop_guidance_step, seed, got 'stop'"),
        (
            POINTS.assign(ipc=1),
            None,
            "one of stop_guidance_step, seed, ipc, got none; add --params knob",
        ),
        (POINTS.drop(columns="sampling.stop_guidance_step"), None, "expected one of seed"),
    ],
)
def test_a_knob_that_is_not_clear_is_refused(points, knob, message):
    with pytest.raises(ValueError, match=message):
        find_knob(points, knob)


def test_the_figure_has_the_chosen_accuracy_on_top():
    picture, interactive = draw_knob(tabulate_sweep(ROWS, scores()), POINTS, None, "top1_last")
    (line,) = picture.axes[0].lines
    assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == {0.0: 50.5, 25.0: 75.5}
    assert len(picture.axes) == 2
    assert list(interactive.data[0].y) == [50.5, 75.5]


def shade(value):
    return Partition(lambda: torch.full((2, 3, 8, 8), value, dtype=torch.uint8), str(value))


def test_images_are_laid_out_by_class_and_value_the_first_seed_of_each():
    images = {
        name: {f"n{label}": shade(100 * label + stop + 7 * seed) for label in range(2)}
        for name, stop, seed in GRID
    }
    sheet = np.asarray(draw_images_over_knob(BIRDS, images, POINTS, None))
    for label in range(2):
        for stop in STOPS:
            assert (sheet == 100 * label + stop).all(axis=2).sum() >= 64
    assert not (sheet == 107).all(axis=2).sum() >= 64


def test_a_sweep_without_images_is_refused():
    with pytest.raises(ValueError, match="expected points with distilled images, got none"):
        draw_images_over_knob(BIRDS, {}, POINTS, None)


def test_points_of_another_axis_are_another_line_whatever_it_is():
    points = pd.concat([POINTS.assign(**{"encoding.flip": flip}) for flip in ("none", "both")])
    rows = pd.concat(
        [
            ROWS.assign(flip=flip, top1_last=ROWS["top1_last"] + more)
            for flip, more in (("none", 0.0), ("both", 20.0))
        ]
    )
    picture, interactive = draw_knob(rows, points, "stop_guidance_step", "top1_last")
    assert [list(line.get_ydata()) for line in picture.axes[0].lines] == [
        [50.5, 75.5],
        [70.5, 95.5],
    ]
    assert [trace.name for trace in interactive.data] == ["mgd3, flip none", "mgd3, flip both"]


def test_a_setting_that_ends_like_a_key_of_runs_is_a_knob_of_its_own():
    points = POINTS.drop(columns="sampling.stop_guidance_step").assign(**{"encoding.seed": 1})
    assert find_knob(points, None) == "encoding.seed"
    assert find_knob(points, "seed") == "seed"


def test_a_page_has_a_chart_and_a_line_per_value():
    table = tabulate_sweep(ROWS, scores()).assign(benchmark="birds")
    _, interactive = draw_knob(table, POINTS, None, "top1_last")
    text = write_sweep_page(table, POINTS, interactive, None, "top1_last", "stop <1>")
    assert text.count("data-chart=") == 1
    assert "stop &lt;1&gt;" in text
    assert text.count('<th scope="row">') == len(table.drop_duplicates(["stop_guidance_step"]))
