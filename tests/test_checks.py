import math
import re

import pytest
import torch

from mgd3_kedro.checks import (
    check_choice,
    check_count,
    check_count_or_auto,
    check_finite,
    check_latents,
    check_range,
    lookup,
    naming,
    unknown_name,
)


def test_looking_up_a_known_name_returns_its_member():
    assert lookup({"one": 1, "two": 2}, "two", "number") == 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Auto", "most: expected auto or a whole number, got 'Auto'"),
        (-1, "most: expected a number in [0, inf), got -1"),
        (1.5, "most: expected a whole number, got 1.5"),
    ],
)
def test_what_is_neither_auto_nor_a_whole_number_is_refused(value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check_count_or_auto("most", value, 0)


@pytest.mark.parametrize("value", ["auto", 0, 7])
def test_auto_stands_for_a_whole_number(value):
    check_count_or_auto("most", value, 0)


def test_an_unknown_name_is_answered_with_all_known_ones_and_the_nearest():
    table = {"random": 1, "kmeans": 2, "dbscan": 3}
    with pytest.raises(ValueError, match="mode finder") as caught:
        lookup(table, "kmean", "mode finder")
    assert str(caught.value) == (
        "unknown mode finder 'kmean': expected one of dbscan, kmeans, random; "
        "did you mean 'kmeans'?"
    )


@pytest.mark.parametrize("name", ["xyz", "", None, 3])
def test_nothing_is_suggested_when_no_name_is_near(name):
    with pytest.raises(ValueError, match=r"expected one of dbscan, kmeans$"):
        lookup({"kmeans": 1, "dbscan": 2}, name, "mode finder")


def test_a_choice_outside_the_list_is_refused_with_the_list():
    check_choice("device", "cpu", ("auto", "cpu"))
    with pytest.raises(ValueError, match=r"^device: expected one of auto, cpu, got 'tpu'$"):
        check_choice("device", "tpu", ("auto", "cpu"))


@pytest.mark.parametrize("value", [1, 1.0, 2, 3, -0.0])
def test_a_number_of_the_interval_is_accepted(value):
    check_range("x", value, -0.0, 3)


@pytest.mark.parametrize(
    "value", [-0.001, 3.001, math.nan, math.inf, -math.inf, "1", None, True, [1], torch.ones(())]
)
def test_what_is_no_number_of_the_interval_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^ipc: expected a number in \[0, 3\], got "):
        check_range("ipc", value, 0, 3)


def test_an_open_end_excludes_only_itself():
    check_range("rate", 1e-30, 0, 1, low_open=True)
    with pytest.raises(ValueError, match=r"rate: expected a number in \(0, 1\], got 0$"):
        check_range("rate", 0, 0, 1, low_open=True)


def test_an_interval_without_ends_still_refuses_infinity():
    check_range("x", -1e300)
    with pytest.raises(ValueError, match=r"expected a number in \(-inf, inf\), got inf"):
        check_range("x", math.inf)
    with pytest.raises(ValueError, match=r"expected a number in \[1, inf\), got 0"):
        check_range("x", 0, 1)


@pytest.mark.parametrize("value", [1, 2, 10**12])
def test_a_whole_number_of_the_interval_is_accepted(value):
    check_count("ipc", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, r"^ipc: expected a number in \[1, 9\], got 0$"),
        (10, r"^ipc: expected a number in \[1, 9\], got 10$"),
        (True, r"^ipc: expected a number in \[1, 9\], got True$"),
        ("3", r"^ipc: expected a number in \[1, 9\], got '3'$"),
        (2.0, r"^ipc: expected a whole number, got 2\.0$"),
    ],
)
def test_what_is_no_whole_number_of_the_interval_is_refused_by_name(value, message):
    with pytest.raises(ValueError, match=message):
        check_count("ipc", value, 1, 9)


def test_the_message_for_an_unknown_name_takes_any_names():
    message = unknown_name("b", (name for name in ("c", "a")), "letter")
    assert message == "unknown letter 'b': expected one of a, c"
    assert unknown_name("b", (), "letter") == "unknown letter 'b': expected none"


@pytest.mark.parametrize("shape", [(), (4,), (2, 4, 8), (0, 4, 8, 8), (1, 2, 4, 8, 8)])
def test_latents_of_another_shape_are_refused_with_theirs(shape):
    message = rf"^x: expected shape \(N, C, H, W\) with N > 0, got {re.escape(str(shape))}$"
    with pytest.raises(ValueError, match=message):
        check_latents("x", torch.zeros(shape))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_samples_that_are_not_finite_are_counted(value):
    latents = torch.zeros(5, 1, 2, 2)
    check_latents("x", latents)
    latents[1, 0, 0, 0] = value
    latents[3] = value
    with pytest.raises(ValueError, match=r"^x: expected finite values, got 2 of 5 samples"):
        check_latents("x", latents)


def test_the_first_value_that_is_not_finite_is_named_with_what_to_do():
    values = torch.zeros(4, 2)
    check_finite("losses", values, "wait")
    values[2, 1] = math.inf
    message = r"^class a: losses: .* 1 of 4 .*the first is image 2; wait$"
    for kind in (ValueError, FloatingPointError):
        with pytest.raises(kind, match=message), naming("class a"):
            check_finite("losses", values, "wait")
    with pytest.raises(ValueError, match="the first is crop 7; wait"):
        check_finite("losses", values, "wait", ["5", "6", "crop 7", "8"])
    with pytest.raises(ValueError, match=r"^another$"), naming("class a"):
        raise ValueError("another")
