from contextlib import nullcontext

import pytest
import torch

from mgd3_kedro.devices import (
    PRECISIONS,
    check_device,
    is_out_of_memory,
    matmul_precision,
    reproducible,
    resolve_device,
    settle_precision,
)


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


@pytest.mark.parametrize("name", ["cuda:", "cuda:x", "gpu", "cpu:0 ", 0, None])
def test_what_is_no_device_anywhere_is_refused(name):
    with pytest.raises(ValueError, match=r"device: expected one of auto, cpu, cuda, mps, cuda:0"):
        check_device(name)


@pytest.mark.parametrize("name", ["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:11"])
def test_devices_of_other_machines_are_known(name):
    check_device(name)


def test_one_of_several_accelerators_is_named_by_its_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    assert resolve_device("auto") == torch.device("cuda")
    with pytest.raises(ValueError, match=r"auto, cuda, cuda:0, cuda:1, .*got 'cuda:2'"):
        resolve_device("cuda:2")


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


@pytest.mark.parametrize("name", PRECISIONS)
@pytest.mark.parametrize("before", [False, True])
def test_tf32_is_allowed_for_one_precision_alone_and_restored_after_an_error(
    name, before, tf32_flags
):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = before
    inside = []

    def look_and_stop():
        with matmul_precision(PRECISIONS[name]):
            inside.append(tf32_flags())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        look_and_stop()
    assert inside == [(name == "tf32",) * 2]
    assert tf32_flags() == (before, before)


@pytest.mark.parametrize(
    ("capabilities", "settled"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16"),
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, "bf16"),
        ({"avx512_bf16": True, "cpu_name": "Intel Xeon"}, "fp32"),
        ({"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_f": True, "avx512_bf16": False}, "fp32"),
        ({"neon": True}, "fp32"),
    ],
)
def test_auto_is_bf16_where_a_processor_is_faster_in_it(capabilities, settled, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert settle_precision("auto", "cpu") == settled


@pytest.mark.parametrize(("computes", "settled"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_where_a_card_computes_in_it(computes, settled, monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext(asked.append(device)))
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: computes ^ including_emulation
    )
    assert settle_precision("auto", "cuda:1") == settled
    assert asked == [torch.device("cuda", 1)]


@pytest.mark.parametrize("name", [*PRECISIONS, "fp8"])
def test_a_precision_that_is_named_stays_what_it_is(name):
    assert settle_precision(name, "cpu") == name


def test_auto_is_float32_on_a_device_that_is_refused_later():
    assert settle_precision("auto", "gpu") == "fp32"


def test_each_of_the_two_flags_is_restored_to_its_own_value(tf32_flags):
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = False, True
    with matmul_precision(PRECISIONS["fp32"]):
        pass
    assert tf32_flags() == (False, True)


def test_what_the_allocators_say_is_out_of_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    ):
        assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("out of memory"),
        OSError("out of memory"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_is_not_out_of_memory(error):
    assert not is_out_of_memory(error)
