import pytest
import torch

from mgd3_kedro.training.checkpoint import Checkpoint


def make(path, identity="same", seconds_between=0.0):
    return Checkpoint(path / "deep" / "run.ckpt", identity, seconds_between)


def test_what_was_saved_is_loaded_and_leaves_no_other_file(tmp_path):
    make(tmp_path).save({"weights": torch.arange(3), "seconds": 1.5})
    found = make(tmp_path).load()
    assert torch.equal(found["weights"], torch.arange(3))
    assert found["seconds"] == 1.5
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["run.ckpt"]


def test_there_is_nothing_to_load_before_the_first(tmp_path):
    assert make(tmp_path).load() is None


def test_another_identity_is_ignored_with_a_warning(tmp_path, caplog):
    make(tmp_path, "other").save({})
    with caplog.at_level("WARNING"):
        assert make(tmp_path).load() is None
    assert "is of another code, configuration or data: training anew" in caplog.text
    assert make(tmp_path, "other").load() is not None


def test_a_state_that_cannot_be_written_leaves_the_last_one(tmp_path):
    kept = make(tmp_path)
    kept.save({"step": 1})
    with pytest.raises(Exception, match="pickle"):
        kept.save({"step": lambda: 2})
    assert make(tmp_path).load()["step"] == 1


def test_one_is_due_when_the_last_is_as_old_as_asked(tmp_path):
    assert make(tmp_path).due
    later = make(tmp_path, seconds_between=3600.0)
    assert not later.due
    later._saved -= 3600.0
    assert later.due
    later.save({})
    assert not later.due
