import pandas as pd
import pytest

from mgd3_kedro.pipelines.compare.nodes import gather_rows, tabulate_rows
from mgd3_kedro.records import KNOBS, RUN_KEYS


def make_rows(method, last, *, ipc=10, scale=None):
    keys = {**dict.fromkeys(RUN_KEYS, "x"), "ipc": ipc, "method": method}
    knobs = {**dict.fromkeys(KNOBS), "mode_guidance_scale": scale}
    return pd.DataFrame(
        [
            {
                **keys,
                **knobs,
                "seed": seed,
                "training_seed": seed,
                "top1_last": v,
                "top1_best": v + 1,
            }
            for seed, v in enumerate(last)
        ]
    )


def test_a_line_is_the_mean_and_the_population_deviation_over_all_trainings_of_a_method():
    table = tabulate_rows(pd.concat([make_rows("b", [80.0, 90.0]), make_rows("a", [70.0])]))
    assert table["method"].tolist() == ["a", "b"]
    assert table["trainings"].tolist() == [1, 2]
    assert table["top1_last_mean"].tolist() == [70.0, 85.0]
    assert table["top1_last_std"].tolist() == [0.0, 5.0]
    assert table["top1_best_mean"].tolist() == [71.0, 86.0]


def test_other_knobs_are_another_line():
    rows = pd.concat([make_rows("a", [1.0], scale=0.1), make_rows("a", [3.0], scale=0.2)])
    assert tabulate_rows(rows)["mode_guidance_scale"].tolist() == [0.1, 0.2]


def test_rows_of_other_ipc_are_left_out_and_no_rows_at_all_are_refused():
    runs = {
        "one": lambda: make_rows("a", [1.0, 2.0]),
        "two": lambda: make_rows("a", [9.0], ipc=50),
    }
    assert gather_rows(runs, 10)["top1_last"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="expected result rows with ipc 1, found none"):
        gather_rows(runs, 1)
