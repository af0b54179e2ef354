import math

import pandas as pd
import pytest

from mgd3_kedro.metrics.robust import (
    add_robust_scores,
    score_augmentation,
    score_robustness,
)

KEYS = ("method", "backbone", "scale")


def make_table(*lines):
    columns = ["method", "protocol", "ipc", "accuracy", "trainings"]
    same = {
        "benchmark": "b",
        "split": "s",
        "image_size": 32,
        "network": "n",
        "preset": "p",
        "backbone": "dit",
    }
    same["scale"] = math.nan
    return pd.DataFrame([{**same, **dict(zip(columns, line, strict=True))} for line in lines])


def score(table, **changes):
    settings = {"hard_protocol": "hard", "plain_protocol": "plain", "lrs_weight": 0.5}
    return add_robust_scores(table, "accuracy", KEYS, **{**settings, "ars_weight": 0.5, **changes})


def test_the_score_runs_from_zero_to_a_hundred():
    assert score_robustness(100, -100, 0.5) == pytest.approx(0, abs=1e-12)
    assert score_robustness(-100, 100, 0.5) == pytest.approx(100)
    # (1 - 1/e) / (e - 1/e) = 1 / (e + 1)
    assert score_robustness(0, 0, 0.5) == pytest.approx(100 / (math.e + 1))


def test_the_weight_is_that_of_the_improvement():
    assert score_robustness(30, 80, 1.0) == score_robustness(70, 80, 1.0)
    assert score_robustness(30, 80, 0.0) == score_robustness(30, 10, 0.0)
    assert score_robustness(40, 20, 0.25) == pytest.approx(
        100 * (math.e ** (0.25 * 0.2 - 0.75 * 0.4) - 1 / math.e) / (math.e - 1 / math.e)
    )


def test_hard_labels_are_scored_by_hand():
    scored = score(
        make_table(
            ("full", "hard", 400, 88.0, 3),
            ("random", "hard", 10, 54.0, 3),
            ("mgd3", "hard", 10, 66.0, 3),
            ("mgd3", "hard", 50, 80.0, 3),
        )
    ).set_index(["method", "ipc"])
    assert scored.loc[("mgd3", 10), ["hlr", "ior"]].tolist() == [22, 12]
    assert scored.loc[("mgd3", 10), "lrs"] == pytest.approx(
        100 * (math.exp(-0.05) - math.exp(-1)) / (math.exp(1) - math.exp(-1))
    )
    assert scored.loc[("random", 10), ["hlr", "ior"]].tolist() == [34, 0]
    assert scored.loc[("mgd3", 50), "hlr"] == 8
    assert scored.loc[("mgd3", 50), ["ior", "lrs"]].isna().all()  # no random images of 50
    assert scored.loc[("full", 400), ["hlr", "ior", "lrs"]].isna().all()


def test_soft_labels_are_recovered_with_hard_ones_and_improve_on_soft_ones():
    lines = [
        ("full", "hard", 400, 88.0, 1),
        ("full", "soft", 400, 95.0, 1),
        ("random", "hard", 10, 50.0, 1),
        ("random", "soft", 10, 60.0, 1),
        ("mgd3", "hard", 10, 66.0, 1),
        ("mgd3", "soft", 10, 72.0, 1),
    ]
    scored = score(make_table(*lines)).set_index(["method", "protocol"])
    assert scored.loc[("mgd3", "soft"), ["hlr", "ior"]].tolist() == [88 - 66, 72 - 60]
    without = score(make_table(*(line for line in lines if line[:2] != ("mgd3", "hard"))))
    soft = without.set_index(["method", "protocol"]).loc[("mgd3", "soft")]
    assert soft["ior"] == 12
    assert soft[["hlr", "lrs"]].isna().all()


def test_the_recovery_is_that_of_the_same_settings():
    table = make_table(
        ("full", "hard", 400, 90.0, 1),
        ("mgd3", "hard", 10, 60.0, 1),
        ("mgd3", "hard", 10, 70.0, 1),
        ("mgd3", "soft", 10, 75.0, 1),
    )
    table["scale"] = [math.nan, 0.1, 0.2, 0.2]
    assert score(table)["hlr"].tolist()[1:] == [30, 20, 20]


def test_references_on_several_lines_are_averaged_by_their_trainings():
    table = make_table(
        ("random", "hard", 10, 50.0, 3),
        ("random", "hard", 10, 58.0, 1),
        ("random", "hard", 10, math.nan, 0),
        ("mgd3", "hard", 10, 60.0, 1),
    )
    table["backbone"] = ["dit", "ldm", "sd", "dit"]
    assert score(table)["ior"].tolist()[-1] == 60 - (3 * 50 + 58) / 4


@pytest.mark.filterwarnings("error")
def test_a_reference_that_did_not_finish_is_a_missing_one():
    table = make_table(("random", "hard", 10, math.nan, 0), ("mgd3", "hard", 10, 60.0, 1))
    assert score(table)["ior"].isna().all()


@pytest.mark.parametrize("key", ["split", "image_size", "network", "preset", "benchmark"])
def test_references_of_another_network_or_length_do_not_count(key):
    table = make_table(("random", "hard", 10, 50.0, 1), ("mgd3", "hard", 10, 60.0, 1))
    table[key] = ["one", "other"]
    assert score(table)["ior"].isna().tolist() == [False, True]


def test_improvements_with_and_without_augmentation_are_weighed_by_hand():
    table = make_table(
        ("random", "hard", 10, 50.0, 1),
        ("random", "plain", 10, 30.0, 1),
        ("mgd3", "hard", 10, 60.0, 1),
        ("mgd3", "plain", 10, 50.0, 1),
        ("d4m", "hard", 10, 55.0, 1),
        ("mgd3", "hard", 50, 80.0, 1),
        ("full", "hard", 400, 90.0, 1),
    )
    scored = score(table, ars_weight=0.25)
    beta = 0.25 * 0.1 + 0.75 * 0.2
    expected = 100 * (math.exp(beta) - math.exp(-1)) / (math.e - math.exp(-1))
    assert score_augmentation(10, 20, 0.25) == pytest.approx(expected)
    known = scored.set_index(["method", "protocol", "ipc"])["ars"]
    assert known[("mgd3", "hard", 10)] == pytest.approx(expected)
    assert known[("random", "hard", 10)] == pytest.approx(100 / (math.e + 1))
    # Lines without a counterpart that was trained without augmentation, and that counterpart.
    assert known.drop([("mgd3", "hard", 10), ("random", "hard", 10)]).isna().all()


def test_the_augmentation_robust_score_is_of_the_same_settings():
    table = make_table(
        ("random", "hard", 10, 50.0, 1),
        ("random", "plain", 10, 30.0, 1),
        ("mgd3", "hard", 10, 60.0, 1),
        ("mgd3", "hard", 10, 60.0, 1),
        ("mgd3", "plain", 10, 50.0, 1),
    )
    table["scale"] = [math.nan, math.nan, 0.1, 0.2, 0.2]
    assert score(table)["ars"].isna().tolist() == [False, True, True, False, True]
