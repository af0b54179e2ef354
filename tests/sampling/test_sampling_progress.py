import logging

from mgd3_kedro.durations import NowAndThen
from mgd3_kedro.sampling.progress import StepLog


def test_a_batch_says_how_far_it_is(caplog):
    caplog.set_level(logging.INFO, logger="mgd3_kedro")
    log = StepLog(8, 50, NowAndThen(0.0))
    log.clock.begun -= 40
    log(20)
    assert caplog.messages == ["8 samples: step 20 of 50, 1 min left"]


def test_a_batch_that_is_over_soon_says_nothing(caplog):
    caplog.set_level(logging.INFO, logger="mgd3_kedro")
    log = StepLog(8, 50)
    for done in range(1, 51):
        log(done)
    assert caplog.messages == []
