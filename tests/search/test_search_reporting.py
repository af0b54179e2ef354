import pytest

from mgd3_kedro.search.reporting import as_markdown, describe_round, tabulate, worth_of_prior
from mgd3_kedro.search.trials import Budget, Trials

SCORES = {"mgd3": [40.0, 42.0], "random": [35.0, 38.0], "herding": [39.0], "dm": [], "rded": []}


@pytest.fixture
def trials():
    made = Trials(None, dict.fromkeys(SCORES), {}, "best", Budget(1.0, 1), print)
    made.scores = {name: found for name, found in SCORES.items() if name != "rded"}
    made.seconds = {"mgd3": 10.0, "random": 5.0, "herding": 6.0}
    made.refused = {"rded": "expected a teacher"}
    return made


def test_the_winner_comes_first_and_what_was_not_tried_says_why(trials):
    table = tabulate(trials)
    assert table["candidate"].tolist() == ["mgd3", "random", "herding", "dm", "rded"]
    assert table["accuracy"].tolist()[:3] == [41.0, 36.5, 39.0]
    # Of the data sets that both have.
    assert table["behind"].tolist()[:3] == [0.0, 4.5, 1.0]
    assert table["told"].tolist()[3:] == ["no time was left for it", "expected a teacher"]


def test_a_table_has_intervals_where_there_are_two_data_sets(trials):
    lines = list(as_markdown(tabulate(trials)))
    assert lines[3] == "| random | 2 | 36.5 | 4.5 (-1.9 to 10.9) | 5 |"
    assert lines[4] == "| herding | 1 | 39.0 | 1.0 | 6 |"
    assert lines[6] == "| rded | 0 | expected a teacher | | |"


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        ([50.0, 51.0, 52.0], "The model is worth it: the best drawn images (mgd3) are 9.0 points"),
        ([30.0, 31.0, 32.1], "The model is not worth it: the best drawn images (mgd3) are 11.0"),
        ([42.0, 41.0, 43.0], "It is not decided whether the model is worth it: "),
        ([], "No images drawn by a model were tried"),
    ],
)
def test_it_is_said_whether_the_model_was_worth_it(drawn, told):
    scores = {"mgd3": drawn, "random": [41.0, 42.0, 43.0]}
    assert worth_of_prior(scores, lambda name: name == "random").startswith(told)


def test_without_real_images_nothing_is_said_of_them():
    assert worth_of_prior({"mgd3": [1.0]}, lambda name: False).startswith("No real images")


def test_a_budget_keeps_time_for_the_winner(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("mgd3_kedro.search.trials.time.monotonic", lambda: clock[0])
    budget = Budget(100.0, 2, _begun=0.0)
    assert budget.suffices()
    budget.taken += [10.0, 30.0]
    assert budget.left == 100.0
    clock[0] = 39.0
    assert budget.suffices()
    clock[0] = 41.0
    assert not budget.suffices()
    budget.spent_before = 20.0
    assert budget.left == 49.0


def test_a_budget_keeps_time_for_another_data_set_of_the_better_half(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("mgd3_kedro.search.trials.time.monotonic", lambda: clock[0])
    budget = Budget(100.0, 2, _begun=0.0)
    # Nothing is known of how long they take.
    assert budget.suffices(later=9)
    # Itself, three after it on two jobs, and the winner.
    clock[0] = 59.0
    assert budget.suffices([10.0, 8.0], later=3)
    clock[0] = 61.0
    assert not budget.suffices([10.0, 8.0], later=3)
    assert budget.suffices([10.0, 8.0])
    # The first trials, one for each job, make what the others share; so does the winner.
    assert not budget.suffices([28.0, 29.5, 10.0])
    assert budget.suffices([28.0, 28.5, 10.0])
    assert not budget.suffices([28.0, 28.5])


def test_a_round_tells_the_best_and_who_has_not_come_to_its_end():
    scores = {
        "a": [40.0, 42.0],
        "b": [50.0],
        "c": [45.0, 44.0],
        "d": [],
        "e": [30, 30],
        "f": [1, 1],
    }
    assert list(describe_round(scores, range(1, 2))) == [
        "best on held-out images, 2 data sets: c 44.5 %, a 41.0 %, e 30.0 %",
        "not finished: b, d",
    ]
    assert list(describe_round({"a": [40.0]}, range(1))) == [
        "best on held-out images, 1 data set: a 40.0 %"
    ]
    assert not list(describe_round(scores, range(2, 4)))
