import pytest

from mgd3_kedro.durations import NowAndThen, in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (45.4, "45 s"),
        (59.7, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (7385, "2 h 3 min"),
        (90_000, "25 h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(seconds, words):
    assert in_words(seconds) == words


def test_the_clock_strikes_once_an_interval():
    clock = NowAndThen(60.0)
    assert not clock.is_due()
    clock._last -= 61
    assert clock.is_due()
    assert not clock.is_due()
