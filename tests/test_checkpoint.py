import logging
import random
import resource
import signal
import time

import pytest
import torch

from mgd3_kedro.checkpoint import (
    DIGEST_LENGTH,
    SECONDS_BETWEEN,
    Checkpoint,
    digest_of,
    name_checkpoint,
)


def make_state(step):
    """Return what both training loops keep: modules, an optimiser with its moments, plain facts."""
    torch.manual_seed(step)
    model = torch.nn.Linear(5, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(2, 5)).sum().backward()
    optimizer.step()
    modules = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    return {
        **modules,
        "losses": torch.rand(0),
        "curve": [{"step": step, "loss": 0.1}],
        "step": step,
    }


def same(first, second):
    """Tell whether nested values are equal, tensors bit by bit."""
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


@pytest.fixture
def make_checkpoint(tmp_path):
    """Return the same file of any identity."""
    path = tmp_path / "deep/run.ckpt"
    return lambda identity="a", seconds_between=0.0: Checkpoint(path, identity, seconds_between)


@pytest.fixture
def names(tmp_path):
    """Return what gives the names of the files there are."""
    return lambda: sorted(path.name for path in (tmp_path / "deep").iterdir())


@pytest.fixture
def two(make_checkpoint):
    """Save two states, and return the checkpoint and the bytes of the last."""
    checkpoint = make_checkpoint()
    for step in (1, 2):
        checkpoint.save(make_state(step))
    return checkpoint, checkpoint.path.read_bytes()


def test_a_state_comes_back_as_it_was(make_checkpoint):
    assert make_checkpoint().load() is None
    make_checkpoint().save(make_state(1))
    assert same(make_checkpoint().load(), make_state(1))


def test_the_last_state_is_loaded_and_the_one_before_is_kept(make_checkpoint, names):
    for step in (1, 2, 3):
        make_checkpoint().save(make_state(step))
    assert same(make_checkpoint().load(), make_state(3))
    assert names() == ["run.ckpt", "run.ckpt.before"]
    make_checkpoint().path.unlink()
    assert same(make_checkpoint().load(), make_state(2))


def expect_the_one_before(two, names, caplog):
    checkpoint = two[0]
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        found = Checkpoint(checkpoint.path, "a").load()
    assert same(found, make_state(1))
    assert names() == ["run.ckpt.before", "run.ckpt.damaged"]
    (message,) = caplog.messages
    assert "\n" not in message
    assert message.startswith(f"{checkpoint.path} is damaged")
    assert message.endswith("renamed to run.ckpt.damaged")
    checkpoint.damaged.unlink()
    caplog.clear()


def test_any_flipped_bit_is_seen_and_the_state_before_is_taken(two, names, caplog):
    checkpoint, whole = two
    chance = random.Random(0)
    # Every region: the header, names and sizes of entries, weights, moments, directory, digest.
    places = [*range(0, len(whole), 37), *range(len(whole) - DIGEST_LENGTH - 3, len(whole), 13)]
    assert len(places) > 60
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        checkpoint.path.write_bytes(changed)
        expect_the_one_before(two, names, caplog)


def test_a_file_that_was_cut_or_grew_is_seen_and_the_state_before_is_taken(two, names, caplog):
    checkpoint, whole = two
    end = len(whole)
    for length in (0, 1, DIGEST_LENGTH - 1, DIGEST_LENGTH, 100, end // 2, end - 64, end - 1):
        checkpoint.path.write_bytes(whole[:length])
        expect_the_one_before(two, names, caplog)
    checkpoint.path.write_bytes(whole + b"\0")
    expect_the_one_before(two, names, caplog)


def test_where_both_are_damaged_the_training_starts_anew_and_says_why(two, caplog):
    checkpoint, whole = two
    for path in (checkpoint.path, checkpoint.before):
        path.write_bytes(whole[:-1])
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        assert checkpoint.load() is None
        assert len(caplog.messages) == 2
        assert checkpoint.load() is None
    assert len(caplog.messages) == 2


def test_a_file_of_another_format_is_set_aside(make_checkpoint, names, caplog):
    checkpoint = make_checkpoint()
    checkpoint.path.parent.mkdir()
    torch.save({"identity": "a", "step": 1}, checkpoint.path)
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        assert checkpoint.load() is None
    assert len(caplog.messages) == 1
    assert names() == ["run.ckpt.damaged"]


def test_code_in_a_file_is_not_run_though_its_digest_fits(make_checkpoint, tmp_path, caplog):
    class Opened:
        def __reduce__(self):
            return open, (str(tmp_path / "opened"), "w")

    make_checkpoint().save({"step": Opened()})
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        assert make_checkpoint().load() is None
    (message,) = caplog.messages
    assert "is not readable here" in message
    assert "\n" not in message
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("moment", ["before the first", "between the two"])
def test_a_kill_while_a_state_is_put_in_place_loses_no_whole_one(moment, two, monkeypatch):
    class Killed(BaseException):
        pass

    checkpoint, _ = two
    replace, calls = type(checkpoint.path).replace, []

    def replace_until(path, target):
        calls.append(target)
        if len(calls) == (1 if moment == "before the first" else 2):
            raise Killed
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(checkpoint.path), "replace", replace_until)
        with pytest.raises(Killed):
            checkpoint.save(make_state(3))
    assert same(checkpoint.load(), make_state(2))


def test_a_state_that_cannot_be_written_leaves_the_last_ones(two, names):
    checkpoint, _ = two
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save({"step": lambda: 2})
    assert same(checkpoint.load(), make_state(2))
    assert names() == ["run.ckpt", "run.ckpt.before"]


def test_a_full_disk_is_told_with_the_file_and_leaves_the_last_ones(two, names):
    checkpoint, _ = two
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, before[1]))
        with pytest.raises(OSError, match=r"too large.*run\.ckpt"):
            checkpoint.save({"weights": torch.ones(100000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert same(checkpoint.load(), make_state(2))
    assert names() == ["run.ckpt", "run.ckpt.before"]


def test_another_identity_is_left_alone_and_told_once(make_checkpoint, caplog):
    for step in (1, 2):
        make_checkpoint("a").save(make_state(step))
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        assert make_checkpoint("b").load() is None
    (message,) = caplog.messages
    assert "run.ckpt belongs to other code, configuration or data: training starts" in message
    make_checkpoint("b").save(make_state(7))
    assert same(make_checkpoint("b").load(), make_state(7))
    assert same(make_checkpoint("a").load(), make_state(2))


def test_another_state_is_due_when_the_last_one_is_old(make_checkpoint, monkeypatch):
    assert make_checkpoint().due
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


def test_a_training_that_is_over_is_forgotten(two, names):
    two[0].remove()
    two[0].damaged.touch()
    two[0].remove()
    assert names() == []
    assert two[0].load() is None


def test_trainings_of_one_name_and_other_identities_have_files_of_their_own(tmp_path):
    files = {name_checkpoint(tmp_path, "judge", identity) for identity in ("a", "b")}
    assert len(files) == 2
    assert {path.name[:6] for path in files} == {"judge-"}
    assert name_checkpoint(tmp_path, "judge", "a") in files


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
