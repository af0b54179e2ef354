"""Ratios of the times of two computations on one machine, and their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

LEAST_ROUNDS = 3
"""With fewer rounds, the spread says nothing."""


class Spread(NamedTuple):
    """A measured number: median, 10th and 90th percentile over rounds."""

    median: float
    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread:
    """Summarise the values of all rounds."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    deciles = statistics.quantiles(values, n=10, method="inclusive")
    return Spread(statistics.median(values), deciles[0], deciles[-1])


def time_ratios(
    numerator: Callable[[], object],
    denominator: Callable[[], object],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return the ratio of the times of two computations, one per round.

    Rounds alternate: A B, B A, A B ... So both times of a ratio are measured under the same load of
    the machine, and neither computation is always the second.

    Args:
        numerator: A; A and B are called once before the measurement starts.
        denominator: B.
        seconds: Time for all rounds.
        clock: Returns seconds since some fixed moment.
    """
    numerator()
    denominator()
    began = clock()
    ratios: list[float] = []
    while len(ratios) < LEAST_ROUNDS or clock() - began < seconds:
        if len(ratios) % 2 == 0:
            above = _time(numerator, clock)
            below = _time(denominator, clock)
        else:
            below = _time(denominator, clock)
            above = _time(numerator, clock)
        ratios.append(above / below)
    return ratios


def time_rounds(
    function: Callable[[], object],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return the seconds that a computation takes, one number per round.

    Args:
        function: Called once before the measurement starts.
        seconds: Time for all rounds.
        clock: Returns seconds since some fixed moment.
    """
    function()
    began = clock()
    rounds: list[float] = []
    while len(rounds) < LEAST_ROUNDS or clock() - began < seconds:
        rounds.append(_time(function, clock))
    return rounds


def _time(function: Callable[[], object], clock: Callable[[], float]) -> float:
    _wait_for_device()
    began = clock()
    function()
    _wait_for_device()
    return clock() - began


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
