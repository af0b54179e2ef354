import logging
import time

import pytest
import torch

from mgd3_kedro.evaluation import Checkpoint
from mgd3_kedro.evaluation.checkpoint import SECONDS_BETWEEN, digest_of

STATE = {"weights": {"w": torch.arange(3.0)}, "curve": [{"epoch": 1, "top1": 5.0}], "epoch": 1}


@pytest.fixture
def make_checkpoint(tmp_path):
    """Return the same file of any identity."""
    path = tmp_path / "deep/convnet1-0.ckpt"
    return lambda identity="a", seconds_between=0.0: Checkpoint(path, identity, seconds_between)


def test_a_state_comes_back_as_it_was(make_checkpoint):
    assert make_checkpoint().load() is None
    make_checkpoint().save(STATE)
    found = make_checkpoint().load()
    assert found.keys() == STATE.keys()
    assert torch.equal(found["weights"]["w"], STATE["weights"]["w"])
    assert found["curve"] == STATE["curve"]


def test_a_newer_state_replaces_the_older_and_leaves_nothing_else(make_checkpoint):
    checkpoint = make_checkpoint()
    checkpoint.save(STATE)
    checkpoint.save({**STATE, "epoch": 2})
    assert make_checkpoint().load()["epoch"] == 2
    assert list(checkpoint.path.parent.iterdir()) == [checkpoint.path]


def test_a_state_that_cannot_be_written_leaves_the_last_one(make_checkpoint):
    make_checkpoint().save(STATE)
    with pytest.raises(Exception, match="pickle"):
        make_checkpoint().save({**STATE, "epoch": lambda: 2})
    assert make_checkpoint().load()["epoch"] == 1


def test_another_identity_is_left_aside_with_a_warning(make_checkpoint, caplog):
    make_checkpoint("a").save(STATE)
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        assert make_checkpoint("b").load() is None
    (message,) = caplog.messages
    assert "convnet1-0.ckpt is of another code, configuration or data" in message
    make_checkpoint("b").save({**STATE, "epoch": 7})
    assert make_checkpoint("b").load()["epoch"] == 7


def test_another_state_is_due_when_the_last_one_is_old(make_checkpoint, monkeypatch):
    start = time.monotonic()
    checkpoint = make_checkpoint(seconds_between=60)
    saved = []
    for epoch, later in enumerate((59.0, 61.0, 120.5, 121.5), 1):
        monkeypatch.setattr("time.monotonic", lambda later=later: start + later)
        if checkpoint.due:
            checkpoint.save({})
            saved.append(epoch)
    assert saved == [2, 4]
    assert Checkpoint(checkpoint.path, "a").seconds_between == SECONDS_BETWEEN


def test_a_training_that_is_over_is_forgotten(make_checkpoint):
    make_checkpoint().remove()
    make_checkpoint().save(STATE)
    make_checkpoint().remove()
    assert make_checkpoint().load() is None


def test_a_digest_depends_on_every_part_its_values_and_its_shape():
    images = torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2)
    changed = images.clone()
    changed[1, 2, 1, 1] += 1
    parts = [
        (images, "a"),
        (images, "b"),
        (images, "a", 1),
        (changed, "a"),
        (images.view(2, 3, 4, 1), "a"),
        ("a", images),
    ]
    assert len({digest_of(*part) for part in parts}) == len(parts)
    assert digest_of(images, "a") == digest_of(images.clone(), "a")
    backwards = images.flip(0)
    assert digest_of(backwards) == digest_of(backwards.contiguous()) != digest_of(images)
    strided = images.transpose(2, 3)
    assert digest_of(strided) == digest_of(strided.contiguous())


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_file_that_was_cut_off_is_left_aside_with_a_warning(kept, make_checkpoint, caplog):
    checkpoint = make_checkpoint()
    checkpoint.save(STATE)
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:kept])
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        assert make_checkpoint().load() is None
    assert "convnet1-0.ckpt is not readable" in caplog.messages[0]
