import math

import pytest

from mgd3_kedro.search.halving import better_half, measure_lead, rank, rounds, survivors

REAL, DRAWN = "real", "drawn"


def test_every_round_doubles_the_data_sets_of_those_that_are_left():
    assert [list(seeds) for seeds in rounds()] == [[0], [1], [2, 3], [4, 5, 6, 7]]


def test_the_better_half_goes_on():
    scores = {"a": [1.0], "b": [5.0], "c": [3.0], "d": [2.0], "e": [4.0]}
    assert survivors(scores, dict.fromkeys(scores, DRAWN)) == ["b", "e", "c"]


def test_the_best_of_every_kind_goes_on_so_that_they_are_compared_to_the_end():
    scores = {"a": [1.0], "b": [5.0], "c": [4.0], "d": [2.0]}
    kinds = {"a": REAL, "b": DRAWN, "c": DRAWN, "d": REAL}
    assert survivors(scores, kinds) == ["b", "c", "d"]


def test_two_are_left_to_the_end_unless_only_one_was_tried():
    assert survivors({"a": [1.0], "b": [2.0]}, {"a": REAL, "b": REAL}) == ["b", "a"]
    assert survivors({"a": [1.0], "b": []}, {"a": REAL, "b": REAL}) == ["a"]


def test_a_lucky_first_data_set_does_not_outrank_what_was_tried_on_more():
    scores = {"lucky": [9.0], "tried": [8.0, 7.0], "better": [8.0, 8.0], "never": []}
    assert rank(scores) == ["better", "tried", "lucky"]


def test_differences_are_paired_over_the_data_sets_that_both_have():
    lead = measure_lead([10.0, 30.0, 50.0], [9.0, 28.0])
    assert (lead.mean, lead.data_sets) == (1.5, 2)
    # Student's t of one degree of freedom at 0.975, times a standard error of 0.5.
    assert lead.high - lead.mean == pytest.approx(12.7062 * 0.5, abs=1e-3)
    assert not lead.is_decided


def test_a_difference_of_one_data_set_has_no_interval_and_decides_nothing():
    lead = measure_lead([10.0], [1.0])
    assert math.isnan(lead.low)
    assert math.isnan(lead.high)
    assert not lead.is_decided


@pytest.mark.parametrize(("others", "sign"), [([1.0, 2.0, 3.0], 1), ([21.0, 22.0, 23.0], -1)])
def test_a_difference_is_decided_when_its_interval_leaves_out_none(others, sign):
    lead = measure_lead([11.0, 12.1, 12.9], others)
    assert lead.mean * sign > 0
    assert lead.is_decided


@pytest.mark.parametrize(("tried", "kept"), [(1, 2), (3, 2), (4, 2), (5, 3), (17, 9)])
def test_half_of_those_that_were_tried_go_on_and_two_at_least(tried, kept):
    assert better_half(tried) == kept
