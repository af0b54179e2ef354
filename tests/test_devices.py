import pytest
import torch

from mgd3_kedro.devices import reproducible, resolve_device


def test_auto_prefers_an_accelerator_and_falls_back_to_the_cpu():
    if torch.cuda.is_available():
        expected = "cuda"
    elif torch.backends.mps.is_available():
        expected = "mps"
    else:
        expected = "cpu"
    assert resolve_device("auto").type == expected
    assert resolve_device("cpu").type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_this_machine_lacks_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match=r"device: expected one of auto,.*cpu here, got 'cuda'"):
        resolve_device("cuda")


def test_process_settings_hold_inside_and_are_restored_after_an_error():
    before = torch.get_num_threads()
    flags = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark

    def look_and_stop():
        with reproducible(before + 1):
            assert torch.get_num_threads() == before + 1
            assert torch.backends.cudnn.deterministic
            assert not torch.backends.cudnn.benchmark
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        look_and_stop()
    assert torch.get_num_threads() == before
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == flags


def test_threads_are_left_alone_unless_asked_for():
    before = torch.get_num_threads()
    with reproducible(None):
        assert torch.get_num_threads() == before
