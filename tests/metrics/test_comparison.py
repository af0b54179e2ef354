import math
from itertools import product

import numpy as np
import pandas as pd
import pytest

from mgd3_kedro.metrics.comparison import CompareConfig, as_text, compare_groups, find_finished
from mgd3_kedro.metrics.robust import score_augmentation
from mgd3_kedro.result_columns import RUN_KEYS, SETTINGS


@pytest.fixture
def make_config():
    def make(**changes):
        settings = {
            "headline": "top1_last",
            "confidence": 0.95,
            "resamples": 500,
            "seed": 0,
            "lrs_weight": 0.5,
            "ars_weight": 0.5,
            "hard_protocol": "hard",
            "plain_protocol": "hard_plain",
            "against": "a",
        }
        return CompareConfig(**(settings | changes))

    return make


def make_rows(name, top1, *, seeds=None, **changes):
    """Return one row per accuracy, each of another data set unless seeds are given."""
    same = {
        **dict.fromkeys((*RUN_KEYS, *SETTINGS)),
        "benchmark": "b",
        "ipc": 10,
        "protocol": "hard",
    }
    rows = []
    for number, value in enumerate(top1):
        found = {"seed": (seeds or range(len(top1)))[number], "training_seed": number}
        accuracy = {"top1_last": value, "top1_best": value + 1}
        rows.append({**same, "method": name, **found, **accuracy, **changes})
    return pd.DataFrame(rows)


def compare(config, *rows):
    return compare_groups(pd.concat(rows, ignore_index=True), config).set_index("method")


def test_seeds_that_made_the_same_images_are_one_data_set(make_config):
    rows = make_rows("a", [60.0, 70.0, 80.0]).assign(data_set=["x", "x", "y"])
    line = compare(make_config(), rows).loc["a"]
    assert line[["trainings", "data_sets"]].tolist() == [3, 2]
    same = compare(make_config(), make_rows("a", [60.0, 70.0, 80.0], seeds=[0, 0, 1])).loc["a"]
    assert line["top1_last_low"] == same["top1_last_low"]
    unknown = make_rows("a", [60.0, 70.0, 80.0]).assign(data_set=[None, "x", "x"])
    assert compare(make_config(), unknown).loc["a", "data_sets"] == 2


def test_a_group_has_its_counts_means_and_population_deviations(make_config):
    line = compare(make_config(), make_rows("a", [69.0, 70.0, 71.0], seeds=[0, 0, 1])).loc["a"]
    assert line[["trainings", "data_sets", "diverged"]].tolist() == [3, 2, 0]
    assert line["top1_last_mean"] == 70
    assert line["top1_best_mean"] == 71
    assert line["top1_last_std"] == pytest.approx(math.sqrt(2 / 3))
    assert 50 < line["top1_last_low"] < 69 < 71 < line["top1_last_high"] < 90
    assert line["top1_best_low"] == pytest.approx(line["top1_last_low"] + 1)


def test_one_training_has_no_interval_and_equal_ones_have_one_without_width(make_config):
    table = compare(make_config(), make_rows("one", [60.0]), make_rows("same", [50.0, 50.0]))
    assert table.loc["one", ["top1_last_low", "top1_last_high"]].isna().all()
    assert table.loc["one", "top1_last_std"] == 0
    assert table.loc["same", ["top1_last_low", "top1_last_high"]].tolist() == [50, 50]


def test_an_interval_of_an_accuracy_ends_where_accuracies_end(make_config):
    line = compare(make_config(), make_rows("a", [90.0, 99.0])).loc["a"]
    assert 0 < line["top1_last_low"] < 90
    assert line["top1_last_high"] == 100


def test_an_interval_does_not_depend_on_what_else_is_compared(make_config):
    rows = make_rows("a", [60.0, 62.0, 67.0])
    alone = compare(make_config(), rows).loc["a"]
    beside = compare(make_config(), make_rows("b", [1.0, 2.0]), rows).loc["a"]
    other_seed = compare(make_config(seed=1, resamples=7), rows).loc["a"]
    ends = ["top1_last_low", "top1_last_high"]
    assert alone[ends].tolist() == beside[ends].tolist() != other_seed[ends].tolist()


@pytest.mark.parametrize("key", [*(key for key in RUN_KEYS if key != "seed"), *SETTINGS])
def test_whatever_differs_but_the_seed_is_another_group(key, make_config):
    values = (10, 20) if key == "ipc" else ("u", "v")
    rows = [make_rows("a", [1.0, 3.0], **{key: value}) for value in values]
    assert compare_groups(pd.concat(rows), make_config())["trainings"].tolist() == [2, 2]


def test_rows_of_an_older_version_lack_columns(make_config):
    old = make_rows("a", [1.0, 3.0]).drop(columns=["configuration", "training_seed"])
    line = compare(make_config(), old).loc["a"]
    assert line["trainings"] == 2
    assert math.isnan(line["top5_last_mean"])
    assert math.isnan(line["configuration"])


def test_what_else_was_measured_is_averaged_where_rows_have_it(make_config):
    rows = make_rows("a", [1.0, 3.0]).assign(top5_last=[90.0, 92.0], seconds=[10.0, np.nan])
    line = compare(make_config(), rows).loc["a"]
    assert line[["top5_last_mean", "seconds_mean"]].tolist() == [91, 10]
    assert math.isnan(line["calibration_error_mean"])


def test_what_diverged_is_counted_and_named_and_not_averaged(make_config):
    rows = make_rows("a", [60.0, np.nan, 64.0]).assign(
        outcome=["finished", "diverged at step 7", "finished"]
    )
    line = compare(make_config(), rows).loc["a"]
    assert line[["trainings", "data_sets", "diverged", "top1_last_mean"]].tolist() == [2, 2, 1, 62]
    assert line["diverged_trainings"] == "seed 1, training 1: diverged at step 7"


def test_a_group_that_diverged_as_a_whole_has_no_mean(make_config):
    table = compare(make_config(), make_rows("a", [np.nan]), make_rows("b", [1.0, 2.0]))
    assert table.loc["a", ["trainings", "diverged"]].tolist() == [0, 1]
    assert math.isnan(table.loc["a", "top1_last_mean"])
    assert table.loc["a", "diverged_trainings"] == "seed 0, training 0: no accuracy"
    assert not table["among_best"].any()


def test_the_outcome_decides_where_there_is_one():
    rows = make_rows("a", [1.0, 1.0, 1.0, np.nan]).assign(
        outcome=["finished", "diverged", None, "finished"]
    )
    assert find_finished(rows).tolist() == [True, False, True, False]


def test_bold_is_what_the_headline_supports(make_config):
    first, second = make_rows("a", [60.0, 60.5, 61.0]), make_rows("b", [70.0, 71.0, 72.0])
    third = make_rows("c", [70.5, 71.5, 72.5])
    table = compare(make_config(), first, second, third)
    assert table["among_best"].to_dict() == {"a": False, "b": True, "c": True}
    first["top1_best"] += 30
    by_best = compare(make_config(headline="top1_best"), first, second, third)
    assert by_best["among_best"].to_dict() == {"a": True, "b": False, "c": False}
    first["top1_best"] = [30.0, 90.0, 110.0]
    by_best = compare(make_config(headline="top1_best"), first, second, third)
    assert by_best["among_best"].to_dict() == {"a": True, "b": True, "c": True}


def test_the_whole_train_split_takes_no_part(make_config):
    rows = make_rows("a", [60.0, 61.0]), make_rows("b", [50.0, 51.0])
    full = make_rows("full", [90.0, 91.0])
    table = compare(make_config(), *rows, full)
    assert table["among_best"].to_dict() == {"a": True, "b": False, "full": False}


@pytest.mark.parametrize("key", ["network", "protocol", "preset", "ipc"])
def test_the_best_is_sought_where_everything_else_is_the_same(key, make_config):
    values = (10, 20) if key == "ipc" else ("u", "v")
    tops = {"a": 60.0, "b": 70.0}
    rows = [
        make_rows(
            method, [tops[method] + 20 * place, tops[method] + 1 + 20 * place], **{key: value}
        )
        for method, (place, value) in product(tops, enumerate(values))
    ]
    table = compare_groups(pd.concat(rows), make_config())
    assert table[table["among_best"]]["method"].tolist() == ["b", "b"]


def test_robust_scores_are_those_of_the_headline(make_config):
    rows = (
        make_rows("full", [90.0], ipc=400),
        make_rows("random", [50.0, 54.0]),
        make_rows("a", [60.0, 64.0]).assign(top1_best=[70.0, 74.0]),
        make_rows("random", [30.0], protocol="hard_plain"),
        make_rows("a", [50.0], protocol="hard_plain"),
    )
    scores = compare_groups(pd.concat(rows), make_config(ars_weight=0.5))["ars"].dropna()
    assert scores.max() == pytest.approx(score_augmentation(10, 20, 0.5))
    rows = rows[:3]
    assert compare(make_config(), *rows).loc["a", ["hlr", "ior"]].tolist() == [28, 10]
    by_best = compare(make_config(headline="top1_best"), *rows).loc["a", ["hlr", "ior"]]
    assert by_best.tolist() == [91 - 72, 72 - 53]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"headline": "top5"}, "headline: expected one of top1_last, top1_best, got 'top5'"),
        ({"confidence": 0.0}, "confidence: expected a number in"),
        ({"resamples": 0}, "resamples: expected a number in"),
        ({"seed": -1}, "seed: expected a number in"),
        ({"lrs_weight": 1.5}, "lrs_weight: expected a number in"),
        ({"ars_weight": -0.5}, "ars_weight: expected a number in"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message, make_config):
    with pytest.raises(ValueError, match=message):
        make_config(**changes)


def test_values_are_written_without_what_files_add_to_them():
    values = [10.0, 10, 0.1, np.float64(0.25), "kmeans", None, math.nan]
    assert [as_text(value) for value in values] == ["10", "10", "0.1", "0.25", "kmeans", "", ""]
