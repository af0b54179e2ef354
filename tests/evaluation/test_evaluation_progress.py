import logging
import time

from mgd3_kedro.durations import NowAndThen
from mgd3_kedro.evaluation.progress import ProgressLog

ROW = {"epoch": 10, "train_loss": 1.23456, "top1": 45.67}


def test_a_line_says_how_far_a_training_is_and_how_long_it_will_take(caplog):
    with caplog.at_level(logging.INFO, logger="mgd3_kedro"):
        log = ProgressLog("vit-3", NowAndThen(0.0))
        log(5, 100, None, 140.0)
        log(20, 100, ROW, 120.0)
    assert caplog.messages == [
        "vit-3: epoch 5 of 100, 2 min 20 s left",
        "vit-3: epoch 20 of 100, 2 min left; at epoch 10 loss 1.235, top-1 45.7 %",
    ]


def test_lines_are_seconds_apart_from_each_other_and_from_the_start(caplog, monkeypatch):
    start = time.monotonic()
    log = ProgressLog("vit-3", NowAndThen(10.0))
    heard = []
    with caplog.at_level(logging.INFO, logger="mgd3_kedro"):
        for epoch, later in enumerate((9.0, 11.0, 12.0, 20.5, 21.5), 1):
            monkeypatch.setattr("time.monotonic", lambda later=later: start + later)
            before = len(caplog.messages)
            log(epoch, 5, ROW, 1.0)
            heard.append(len(caplog.messages) - before)
    assert heard == [0, 1, 0, 0, 1]
