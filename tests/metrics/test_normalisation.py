import numpy as np
import pandas as pd
import pytest

from mgd3_kedro.metrics.normalisation import normalise_scores


def table(*rows):
    columns = ["method", "wnid", "diversity", "representativeness"]
    return pd.DataFrame(rows, columns=columns)


SCORES = table(
    ("mgd3", "cat", 6.0, 2.0),
    ("random", "cat", 2.0, 10.0),
    ("mgd3", "dog", 0.5, 0.3),
    ("d4m", "cat", 3.0, 4.0),
    ("random", "dog", 0.1, 0.1),
    ("d4m", "dog", 0.2, 0.2),
)


def test_each_class_has_a_range_of_its_own_shared_by_all_methods():
    normalised = normalise_scores(SCORES)
    assert normalised["diversity_normalised"].tolist() == pytest.approx(
        [1, 0, 1, 0.25, 0, 0.25], abs=1e-12
    )
    assert normalised["representativeness_normalised"].tolist() == pytest.approx(
        [1, 0, 0, 0.75, 1, 0.5], abs=1e-12
    )


def test_the_distances_stay_as_they_are_and_the_rows_in_their_order():
    before = SCORES.copy()
    normalised = normalise_scores(SCORES)
    pd.testing.assert_frame_equal(normalised[list(SCORES)], before)
    pd.testing.assert_frame_equal(SCORES, before)


def test_rows_of_samples_share_the_range_and_the_index_may_repeat():
    samples = table(
        ("mgd3", "cat", 1.0, 5.0),
        ("mgd3", "cat", 5.0, 3.0),
        ("random", "cat", 2.0, 1.0),
    )
    samples.index = [7, 7, 7]
    normalised = normalise_scores(samples)
    assert normalised["diversity_normalised"].tolist() == [0, 1, 0.25]
    assert normalised["representativeness_normalised"].tolist() == [0, 0.5, 1]


def test_a_score_that_is_not_defined_stays_so_and_leaves_the_range_alone():
    scores = SCORES.copy()
    scores.loc[0, "diversity"] = np.nan
    normalised = normalise_scores(scores)["diversity_normalised"].tolist()
    assert np.isnan(normalised[0])
    assert normalised[1:] == pytest.approx([0, 1, 1, 0, 0.25], abs=1e-12)


def test_equal_scores_of_a_class_are_neither_divided_by_zero_nor_told_apart():
    normalised = normalise_scores(table(("a", "cat", 3.0, 3.0), ("b", "cat", 3.0, 3.0)))
    assert normalised["diversity_normalised"].tolist() == [0, 0]
    assert normalised["representativeness_normalised"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (SCORES[:0], "at least one row, got none"),
        (SCORES.drop(columns="wnid"), r"columns wnid, got \['method', 'diversity'"),
        (SCORES[:5], r"same methods \['d4m', 'mgd3', 'random'\], got \['mgd3', 'random'\] .*'dog'"),
    ],
)
def test_what_cannot_be_brought_to_one_scale_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        normalise_scores(scores)
