"""Devices, number formats, and switches of PyTorch that are set during a computation."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Names of devices; a number after "cuda:" says which of several."""
AUTO = "auto"
"""Precision that is chosen for the device: bf16 or fp32."""
AMX, AVX512 = "amx_bf16", "avx512_bf16"
"""Instruction sets of CPUs that compute in bf16. Other CPUs emulate it, several times slower than
float32."""
SLOW_AVX512 = "Intel"
"""Maker of CPUs that are slower in bf16 than in float32 if they have `AVX512` but not `AMX`."""


def repeat_products() -> None:
    """Make each row of an MKL matrix product independent of the other rows, bit by bit.

    MKL's AVX-512 kernels do this by default for whole tiles of rows. Its AVX2 kernels do it only
    with `MKL_CBWR`, at the same speed. MKL reads the variable only before its first product.

    Source: oneMKL's guide, "Obtaining numerically reproducible results": MKL_CBWR.
    """
    is_narrowed = "MKL_ENABLE_INSTRUCTIONS" in os.environ
    if is_narrowed or torch.backends.cpu.get_cpu_capability() != "AVX512":
        os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


repeat_products()


def check_device(name: object) -> None:
    """Refuse a name that is not in `DEVICES` and not a numbered CUDA device.

    Raises:
        ValueError: If it is neither; the message lists the names.
    """
    if name not in DEVICES and not re.fullmatch(r"cuda:\d+", str(name)):
        raise ValueError(f"device: expected one of {', '.join(DEVICES)}, cuda:0, ..., got {name!r}")


def resolve_device(name: str, setting: str = "device") -> torch.device:
    """Return a device by name; "auto" takes an accelerator if there is one.

    Args:
        name: A name of `DEVICES`, or a numbered CUDA device.
        setting: Name of the setting, for the error message.

    Raises:
        ValueError: If the machine has no such device.
    """
    numbered = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    cuda = ["cuda", *numbered] if torch.cuda.is_available() else []
    present = [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]
    if name == "auto":
        return torch.device(present[0])
    if name not in present:
        known = ", ".join(("auto", *present))
        raise ValueError(f"{setting}: expected one of {known} here, got {name!r}")
    return torch.device(name)


@contextmanager
def reproducible(threads: int | None) -> Iterator[None]:
    """Make cuDNN choose deterministic kernels and set the CPU threads; restore both afterwards.

    By default cuDNN may time its kernels, and the last bits depend on which one was fastest.

    Args:
        threads: Number of CPU threads; None keeps PyTorch's number.
    """
    cudnn = torch.backends.cudnn
    threads_before = torch.get_num_threads()
    cudnn_before = cudnn.deterministic, cudnn.benchmark
    try:
        cudnn.deterministic, cudnn.benchmark = True, False
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = cudnn_before
        torch.set_num_threads(threads_before)


def send(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a CPU tensor to a device; on CUDA, return without waiting for the GPU."""
    # Other devices may still read the source after a non-blocking call has returned.
    return values.to(device, non_blocking=device.type == "cuda")


class Precision(NamedTuple):
    """Number format of weights and activations; latents and noise levels stay in float32.

    Args:
        dtype: Format of the weights.
        tf32: Whether float32 matrix products may round their factors to a mantissa of 10 bits.
    """

    dtype: torch.dtype
    tf32: bool = False


PRECISIONS = {
    "fp32": Precision(torch.float32),
    "tf32": Precision(torch.float32, tf32=True),
    "bf16": Precision(torch.bfloat16),
    "fp16": Precision(torch.float16),
}
TRAINED_IN = ("fp32", "tf32", "bf16")
"""Precisions in which gradients need no loss scaling."""


def computes_in_bf16(device: torch.device) -> bool:
    """Tell whether a device computes faster in bf16 than in float32.

    A virtual machine may hide the AMX instructions of an Intel processor. Its AVX-512 instructions
    for bf16 take 1.2 times as long as float32, those of an AMD EPYC half as long
    (`sampling_auto_per_fp32_s2` of the benchmarks).
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    present = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    if present.get(AMX, False):
        return True
    is_slow = str(present.get("cpu_name", "")).startswith(SLOW_AVX512)
    return bool(present.get(AVX512, False)) and not is_slow


def settle_precision(name: str, device: str) -> str:
    """Return a precision; "auto" becomes bf16 if the device is faster in it, else fp32.

    Args:
        name: A name of `PRECISIONS`, or "auto".
        device: A name of `DEVICES`; if this machine lacks the device, "auto" is fp32.
    """
    if name != AUTO:
        return name
    try:
        return "bf16" if computes_in_bf16(resolve_device(device)) else "fp32"
    except ValueError:  # the checks before a run refuse a missing device
        return "fp32"


@contextmanager
def matmul_precision(precision: Precision) -> Iterator[None]:
    """Allow or forbid TF32 on CUDA within a block; restore the global switches afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    try:
        matmul.allow_tf32 = cudnn.allow_tf32 = precision.tf32
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device or the machine is out of memory.

    Only CUDA has an exception type for this; the CPU and MPS raise a `RuntimeError` with a text.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    texts = ("out of memory", "can't allocate memory", "not enough memory", "STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
