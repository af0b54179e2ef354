import math

import pandas as pd
import pytest

from mgd3_kedro.metrics.comparison import CompareConfig
from mgd3_kedro.metrics.paired import COLUMNS, compare_pairs
from mgd3_kedro.result_columns import RUN_KEYS

CONFIG = CompareConfig("top1_last", 0.95, 500, 0, 0.5, 0.5, "hard", "hard_plain", "mgd3")


def rows_of(method, accuracies, *, settings="", **changes):
    """Return a row for every seed that has an accuracy."""
    same = {**dict.fromkeys(RUN_KEYS), "benchmark": "b", "ipc": 10, "configuration": ""}
    return pd.DataFrame(
        {**same, "method": method, "settings": settings, "seed": seed, "training_seed": 0}
        | {"top1_last": value, "top1_best": value + 1}
        | changes
        for seed, value in accuracies.items()
    )


def compare(*rows, config=CONFIG):
    return compare_pairs(pd.concat(rows, ignore_index=True), config)


def test_differences_are_of_the_same_seeds():
    mgd3 = rows_of("mgd3", {0: 40.0, 1: 50.0, 2: 60.0, 7: 10.0})
    (line,) = compare(mgd3, rows_of("ours", {2: 63.0, 0: 41.0, 1: 52.0, 9: 99.0})).to_dict(
        "records"
    )
    assert (line["method"], line["against"], line["data_sets"]) == ("ours", "mgd3", 3)
    assert line["difference_mean"] == pytest.approx(2.0)
    # Student's interval of 1, 2 and 3 is 2 ± 2.48.
    assert line["difference_low"] == pytest.approx(2 - 2.48, abs=0.75)
    assert line["difference_high"] == pytest.approx(2 + 2.48, abs=0.75)
    assert line["data_sets_ahead"] == 3


def test_what_data_sets_have_in_common_widens_no_interval():
    seeds = range(8)
    mgd3 = rows_of("mgd3", {seed: 10.0 * seed for seed in seeds})
    line = compare(mgd3, rows_of("ours", {seed: 10.0 * seed + 1 for seed in seeds})).iloc[0]
    assert (line["difference_low"], line["difference_high"]) == pytest.approx((1.0, 1.0))


def test_trainings_of_a_data_set_are_averaged_first():
    mgd3 = rows_of("mgd3", {0: 40.0, 1: 40.0})
    again = rows_of("ours", {0: 44.0}, training_seed=1)
    line = compare(mgd3, rows_of("ours", {0: 42.0, 1: 41.0}), again).iloc[0]
    assert line["difference_mean"] == pytest.approx((3.0 + 1.0) / 2)


def test_one_common_seed_has_no_interval_and_none_no_line():
    mgd3 = rows_of("mgd3", {0: 40.0, 1: 50.0})
    table = compare(mgd3, rows_of("one", {1: 49.0}), rows_of("none", {5: 49.0}))
    assert table["method"].tolist() == ["one"]
    assert table.iloc[0][["difference_mean", "data_sets_ahead"]].tolist() == [-1.0, 0]
    assert math.isnan(table.iloc[0]["difference_low"])


def test_methods_are_compared_where_all_else_is_the_same():
    mgd3 = [rows_of("mgd3", {0: 40.0}, ipc=ipc) for ipc in (10, 50)]
    ours = [rows_of("ours", {0: 41.0}, ipc=10), rows_of("ours", {0: 45.0}, ipc=50)]
    lonely = rows_of("ours", {0: 45.0}, ipc=50, preset="paper")
    table = compare(*mgd3, *ours, lonely)
    assert table[["ipc", "difference_mean"]].to_numpy().tolist() == [[10, 1.0], [50, 5.0]]


def test_the_rival_is_the_one_with_the_fewest_settings_and_its_others_are_compared_too():
    plain = rows_of("mgd3", {0: 40.0}, settings="")
    tuned = rows_of("mgd3", {0: 43.0}, settings="mode_guidance_scale=0.2")
    table = compare(tuned, plain)
    assert table[["settings", "difference_mean"]].to_numpy().tolist() == [
        ["mode_guidance_scale=0.2", 3.0]
    ]


def test_the_rival_is_of_the_same_backbone_where_there_is_one():
    mgd3 = [
        rows_of("mgd3", {0: top1}, backbone=name) for name, top1 in (("dit", 40.0), ("ldm", 50.0))
    ]
    ours = [rows_of("ours", {0: 52.0}, backbone=name) for name in ("dit", "ldm", "sd")]
    table = compare(*mgd3, *ours)
    columns = ["method", "backbone", "against_backbone", "difference_mean"]
    assert table[columns].to_numpy().tolist() == [
        ["ours", "dit", "dit", 12.0],
        ["ours", "ldm", "ldm", 2.0],
        ["ours", "sd", "dit", 12.0],
    ]


def test_all_real_images_and_what_diverged_are_not_compared():
    mgd3 = rows_of("mgd3", {0: 40.0, 1: 40.0})
    full = rows_of("full", {0: 90.0})
    ours = rows_of("ours", {0: 41.0, 1: math.nan})
    table = compare(mgd3, full, ours)
    assert table[["method", "data_sets"]].to_numpy().tolist() == [["ours", 1]]


def test_without_the_rival_the_table_is_empty_and_has_its_columns():
    table = compare(rows_of("ours", {0: 41.0}))
    assert table.empty
    assert tuple(table) == COLUMNS


def test_the_headline_is_what_is_compared():
    mgd3, ours = rows_of("mgd3", {0: 40.0}), rows_of("ours", {0: 41.0}, top1_best=70.0)
    by_best = CompareConfig("top1_best", 0.95, 500, 0, 0.5, 0.5, "hard", "hard_plain", "mgd3")
    assert compare(mgd3, ours).iloc[0]["difference_mean"] == 1.0
    assert compare(mgd3, ours, config=by_best).iloc[0]["difference_mean"] == 29.0
