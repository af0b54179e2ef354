import os

import pandas as pd
import pytest

from mgd3_kedro.listings import WIDTH
from mgd3_kedro.listings.results import list_results

ROW = {
    "benchmark": "mnist",
    "split": "test",
    "ipc": 10,
    "method": "mgd3",
    "seed": 0,
    "protocol": "hard",
    "preset": "short",
    "network": "convnet3",
    "settings": "",
}


@pytest.fixture
def project(tmp_path):
    """Return a project with three runs, the last of which has settings of its own."""
    runs = {
        "old": [{**ROW, "top1_last": 90.0}, {**ROW, "top1_last": 92.0}],
        "new": [{**ROW, "method": "random", "top1_last": 80.0}],
        "newest": [{**ROW, "settings": "mode_finder=dbscan " * 9, "top1_last": float("nan")}],
    }
    for age, (name, rows) in enumerate(reversed(runs.items())):
        path = tmp_path / "data/08_reporting/mnist" / name / "result_rows.csv"
        path.parent.mkdir(parents=True)
        pd.DataFrame(rows).to_csv(path, index=False)
        os.utime(path, (10**9 - 3600 * age,) * 2)
    return tmp_path


def test_results_of_all_runs_are_listed_newest_first(project):
    lines = list(list_results(project))
    assert lines[0].split() == ["finished", "run", "and", "network", "top1_last"]
    scores = [line for line in lines if " hard-short" in line]
    assert [line.split("convnet3")[-1].split() for line in scores[1:]] == [
        ["80.0", "(1)"],
        ["91.0", "±", "1.0", "(2)"],
    ]
    assert scores[0].endswith(" diverged")


def test_no_line_is_longer_than_80_columns(project):
    assert max(map(len, list_results(project))) == WIDTH == 80


def test_words_choose_among_them_whatever_their_case(project):
    assert len(list(list_results(project, ["RANDOM", "ipc10"]))) == 2
    assert list(list_results(project, ["random", "dbscan"])) == [
        "no results with random dbscan; to list all 3: kedro results"
    ]


def test_a_young_project_is_told_how_to_get_some(tmp_path):
    (line,) = list_results(tmp_path)
    assert line == "no results yet; make the first with: kedro run --pipelines=distill"
