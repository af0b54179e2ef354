import math

import numpy as np
import pandas as pd
import pytest

from mgd3_kedro.metrics.tabulation import tabulate_diversity

ROWS = [
    ("random", "n2", "tench", 1.0, 0.5),
    ("random", "n1", "crane", 3.0, 0.1),
    ("mgd3", "n2", "tench", 2.0, 0.7),
    ("mgd3", "n1", "crane", 6.0, 0.9),
    ("mgd3", "n2", "tench", 4.0, 0.1),
]
SCORES = pd.DataFrame(ROWS, columns=["method", "wnid", "class_name", "diversity", "coverage"])


def test_classes_are_rows_and_methods_columns_in_their_order_with_means_below():
    table = tabulate_diversity(SCORES)
    assert list(table) == ["wnid", "class_name", "random", "mgd3"]
    assert table.to_numpy().tolist() == [
        ["n2", "tench", 1.0, 3.0],
        ["n1", "crane", 3.0, 6.0],
        ["mean", "", 2.0, 4.5],
    ]


def test_another_score_is_tabulated_in_the_same_way():
    assert tabulate_diversity(SCORES, "coverage")["mgd3"].tolist() == pytest.approx(
        [0.4, 0.9, 0.65]
    )


def test_classes_of_one_name_stay_apart():
    table = tabulate_diversity(SCORES.assign(class_name="crane"))
    assert table["class_name"].tolist() == ["crane", "crane", ""]
    assert table["random"].tolist() == [1, 3, 2]


@pytest.mark.parametrize("is_row_there", [True, False])
def test_a_method_that_lacks_a_class_has_no_mean(is_row_there):
    scores = SCORES.copy()
    scores.loc[1, "diversity"] = np.nan
    table = tabulate_diversity(scores if is_row_there else scores.drop(index=1))
    assert table["random"][0] == 1
    assert math.isnan(table["random"][1])
    assert math.isnan(table["random"][2])
    assert table["mgd3"].tolist() == [3, 6, 4.5]


def test_no_rows_and_missing_columns_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        tabulate_diversity(SCORES[:0])
    with pytest.raises(ValueError, match="expected columns recall, got"):
        tabulate_diversity(SCORES, "recall")
