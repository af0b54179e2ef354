import logging

import pytest

from mgd3_kedro.durations import NowAndThen
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.progress import Progress, read_progress, report
from mgd3_kedro.sampling.progress import StepLog


@pytest.fixture
def heard(caplog):
    """Return what reads the messages so far."""
    caplog.set_level(logging.INFO, logger="mgd3_kedro")
    return lambda: [read_progress(record) for record in caplog.records]


def test_what_is_reported_is_heard(heard):
    report(Progress("latents", 2, 10, left="26 s"))
    assert heard() == [Progress("latents", 2, 10, left="26 s")]
    assert str(heard()[0]) == "latents: 2 of 10, 26 s left"


def test_what_batches_say_of_themselves_is_read(heard):
    log = StepLog(8, 50, NowAndThen(0.0))
    log.clock.begun -= 40
    log(20)
    assert heard() == [Progress("batch of 8", 20, 50, "step", "1 min")]


def test_what_trainings_say_of_themselves_is_read(heard):
    log = ProgressLog("vit-3", NowAndThen(0.0))
    log(5, 100, None, 140.0)
    log(20, 100, {"epoch": 10, "train_loss": 1.23456, "top1": 45.67}, 120.0)
    assert heard() == [
        Progress("vit-3", 5, 100, "epoch", "2 min 20 s"),
        Progress("vit-3", 20, 100, "epoch", "2 min", "at epoch 10 loss 1.235, top-1 45.7 %"),
    ]


def test_what_the_training_of_a_prior_says_of_itself_is_read(heard):
    logger = logging.getLogger("mgd3_kedro.training.loop")
    logger.info("continuing from step %d of %s", 20, "denoiser.ckpt")
    logger.info("step %d of %d, loss %.4f, %.0f s left", 70, 7000, 0.25, 61.0)
    assert heard() == [None, Progress("training", 70, 7000, "step", "1 min 1 s", "loss 0.2500")]


def test_other_messages_are_about_nothing(heard):
    logging.getLogger("mgd3_kedro.encode").info("%d classes", 10)
    assert heard() == [None]
