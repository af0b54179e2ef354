import csv
import math
from pathlib import Path

import pandas as pd
import pytest

from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS
from mgd3_kedro.metrics.comparison import CompareConfig
from mgd3_kedro.pipelines.compare.nodes import compare_methods, gather_rows, tabulate_rows
from mgd3_kedro.result_columns import RUN_KEYS

PUBLISHED = Path(__file__).parents[2] / "data/01_raw/published/published_results.csv"
CONFIG = CompareConfig("top1_best", 0.95, 200, 0, 0.5, 0.5, "hard", "hard_plain", "a")


def make_rows(method, last, *, ipc=10, settings="", **changes):
    keys = {**dict.fromkeys(RUN_KEYS, "x"), "split": "test", "ipc": ipc, "method": method}
    return pd.DataFrame(
        [
            {
                **keys,
                "settings": settings,
                "configuration": "",
                "seed": seed,
                "training_seed": seed,
                "top1_last": v,
                "top1_best": v + 1,
                **changes,
            }
            for seed, v in enumerate(last)
        ]
    )


def read_published():
    return pd.DataFrame(
        [
            {"benchmark": "x", "ipc": 50, "method": "a", "backbone": "y", "network": "x"}
            | {"image_size": "x", "protocol": "x", "top1": 66.4, "std": 2.4, "source": "Table 1"},
            {"benchmark": "z", "ipc": 50, "method": "b", "backbone": "y", "network": "x"}
            | {
                "image_size": "x",
                "protocol": "x",
                "top1": 60.0,
                "std": math.nan,
                "source": "Table 1",
            },
        ]
    )


def test_a_line_is_the_mean_and_the_population_deviation_over_all_trainings_of_a_method():
    table = tabulate_rows(pd.concat([make_rows("b", [80.0, 90.0]), make_rows("a", [70.0])]))
    assert table["method"].tolist() == ["a", "b"]
    assert table["trainings"].tolist() == [1, 2]
    assert table["top1_last_mean"].tolist() == [70.0, 85.0]
    assert table["top1_last_std"].tolist() == [0.0, 5.0]
    assert table["top1_best_mean"].tolist() == [71.0, 86.0]


def test_other_settings_are_another_line():
    rows = pd.concat([make_rows("a", [1.0]), make_rows("a", [3.0], settings="sampler=ddim")])
    assert tabulate_rows(rows)["settings"].tolist() == ["", "sampler=ddim"]


def test_what_diverged_is_in_no_line():
    rows = make_rows("a", [80.0, math.nan]).assign(outcome=["finished", "diverged"])
    assert tabulate_rows(rows)["trainings"].tolist() == [1]


def test_rows_of_all_runs_and_ipc_are_gathered_in_order():
    runs = {
        "dit/ipc50/a/seed0/result_rows.csv": lambda: make_rows("a", [9.0], ipc=50),
        "dit/ipc10/a,guidance_scale=2/seed0/result_rows.csv": lambda: make_rows(
            "a", [1.0, 2.0], settings="guidance_scale=2"
        ),
        "rows.csv": lambda: make_rows("b", [3.0]),
    }
    rows = gather_rows(runs, {}, "test")
    assert rows["top1_last"].tolist() == [1.0, 2.0, 3.0, 9.0]
    assert rows["settings"].tolist() == ["guidance_scale=2", "guidance_scale=2", "", ""]
    assert rows.index.tolist() == [0, 1, 2, 3]


def test_earlier_rows_are_added_and_those_of_a_run_replace_them():
    runs = {"r": lambda: make_rows("a", [5.0, 6.0])}
    # As read from a file: no words are read as missing.
    before = pd.concat([make_rows("a", [1.0, 2.0, 3.0]), make_rows("b", [4.0])]).assign(
        settings=math.nan, configuration=math.nan
    )
    rows = gather_rows(runs, {"mnist_rows.csv": lambda: before}, "test")
    assert rows["method"].tolist() == ["a", "a", "a", "b"]
    assert rows["top1_last"].tolist() == [5.0, 6.0, 3.0, 4.0]
    assert gather_rows({}, {"mnist_rows.csv": lambda: before}, "test")["top1_last"].tolist() == [
        1,
        2,
        3,
        4,
    ]


@pytest.mark.parametrize("runs", [{}, {"a/b": lambda: make_rows("a", [1.0]).iloc[:0]}])
def test_no_rows_at_all_are_refused_with_what_makes_some(runs):
    message = "run distill first, with the same --env and --params: kedro run --pipelines=distill"
    with pytest.raises(ValueError, match=message):
        gather_rows(runs, {}, "test")


def test_published_results_of_the_benchmark_stand_below_and_take_no_part():
    rows = pd.concat([make_rows("a", [60.0, 60.0], ipc=50), make_rows("b", [10.0, 10.0], ipc=50)])
    published = {"some": read_published}
    table = compare_methods(gather_rows({"r": lambda: rows}, {}, "test"), published, CONFIG, "test")
    assert table["origin"].tolist() == ["measured", "measured", "reported"]
    assert table["among_best"].tolist() == [False, True, False]
    reported = table.iloc[2]
    assert reported[["benchmark", "method", "preset"]].tolist() == ["x", "a", "paper"]
    assert reported[["reported_top1", "reported_std", "source"]].tolist() == [66.4, 2.4, "Table 1"]
    assert reported["trainings"] == 0
    assert pd.isna(reported["top1_best_mean"])


def test_published_results_are_of_the_test_split_alone():
    rows = gather_rows({"r": lambda: make_rows("a", [60.0, 61.0], split="holdout")}, {}, "holdout")
    table = compare_methods(rows, {"some": read_published}, CONFIG, "holdout")
    assert table[["split", "origin"]].to_numpy().tolist() == [["holdout", "measured"]]
    assert table["reported_top1"].isna().all()
    without = compare_methods(rows, {}, CONFIG, "holdout")
    assert without.columns.tolist() == table.columns.tolist()


def test_the_shipped_published_results_are_percents_under_known_names():
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = [
        tuple(row[key] for key in ("benchmark", "ipc", "method", "backbone", "network", "protocol"))
        for row in rows
    ]
    assert len(set(keys)) == len(rows) == 149
    for row in rows:
        assert row["network"] in {*NETWORKS, "cross_architecture"}
        assert row["protocol"] in PROTOCOLS
        assert row["image_size"] == ("128" if row["protocol"] == "glad" else "224")
        assert row["source"]
        assert 0 < float(row["top1"]) < 100
        assert 0 <= float(row["std"] or 0) < 10
    known = {key[:6]: row["top1"] for key, row in zip(keys, rows, strict=True)}
    assert known["imagenette", "10", "mgd3", "dit_xl_2", "resnet_ap10", "hard"] == "66.4"


def test_trainings_on_another_size_of_image_are_other_trainings():
    rows = [make_rows("a", [1.0, 1.0], image_size=size) for size in (128.0, 224.0)]
    gathered = gather_rows({"r": lambda: rows[0]}, {"earlier": lambda: rows[1]}, "test")
    assert gathered["image_size"].tolist() == [128.0, 128.0, 224.0, 224.0]
    table = compare_methods(gathered, {}, CONFIG, "test")
    assert table["top1_last_mean"].tolist() == [1.0, 1.0]


def test_trainings_of_another_configuration_are_other_trainings():
    seeds = {"one": range(3), "two": range(5), "": range(6)}
    rows = [
        make_rows("a", [float(len(name))] * len(of), seeds=of).assign(configuration=name)
        for name, of in seeds.items()
    ]
    tables = {str(place): lambda table=table: table for place, table in enumerate(rows)}
    gathered = gather_rows({"again": lambda: rows[1]}, tables, "test")
    counts = gathered.groupby("configuration")["seed"].apply(list).to_dict()
    # Of what does not say its configuration only the seed that no other has.
    assert counts == {"": [5], "one": [0, 1, 2], "two": [0, 1, 2, 3, 4]}
    table = compare_methods(gathered, {}, CONFIG, "test")
    assert table.set_index("configuration")["data_sets"].to_dict() == {"": 1, "one": 3, "two": 5}


def test_rows_of_an_older_version_say_that_their_settings_are_not_known():
    old = make_rows("a", [1.0]).drop(columns=["settings", "configuration"])
    tables = {"old": lambda: old, "long": lambda: old.assign(variant="-long")}
    rows = gather_rows({"r": lambda: make_rows("a", [2.0])}, tables, "test")
    assert sorted(rows["settings"]) == ["", "unknown", "unknown variant=-long"]


def test_rows_of_another_split_are_left_out():
    of = {split: make_rows(split, [1.0], split=split) for split in ("test", "holdout")}
    old = make_rows("old", [1.0]).drop(columns="split")
    tables = {"options/mnist_rows.csv": lambda: of["holdout"], "old": lambda: old}
    rows = gather_rows({"r": lambda: of["test"]}, tables, "test")
    assert rows[["split", "method"]].to_numpy().tolist() == [["test", "old"], ["test", "test"]]
    with pytest.raises(ValueError, match="of the test split to compare, found none"):
        gather_rows({}, {"options/mnist_rows.csv": lambda: of["holdout"]}, "test")
