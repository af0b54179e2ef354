import logging

import pytest
import torch

from mgd3_kedro.matching.losses import REPORTS, LossCurve


@pytest.mark.parametrize("steps", [1, 7, 20, 101])
def test_every_loss_is_kept_in_order_and_few_are_reported(steps, caplog):
    curve = LossCurve("a trial", steps)
    with caplog.at_level(logging.INFO, logger="mgd3_kedro"):
        for step in range(steps):
            curve.add(torch.tensor(float(step), requires_grad=True))
    assert curve.values().tolist() == list(range(steps))
    assert 1 <= len(caplog.records) <= REPORTS
    assert f"a trial: step {steps} of {steps}" in caplog.text


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_optimisation_by_the_next_report(loss):
    curve = LossCurve("a trial", 10 * REPORTS)
    for value in [*[1.0] * 10, loss, *[1.0] * 8]:
        curve.add(torch.tensor(value))
    with pytest.raises(FloatingPointError, match=r"a trial: .* by step 20 of 200; lower methods"):
        curve.add(torch.tensor(1.0))
