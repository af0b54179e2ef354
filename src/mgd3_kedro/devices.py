"""Where tensors are computed, and what a computation may change about the process meanwhile."""

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
"""A precision: what the device is fast in."""
AMX, AVX512 = "amx_bf16", "avx512_bf16"
"""Instructions of processors that compute in bf16; others emulate it, several times slower than
float32."""
SLOW_AVX512 = "Intel"
"""Whose processors are slower in bf16 than in float32 where they have the second alone."""


def repeat_products() -> None:
    """Have a row of a product of matrices the same bits whatever the rows beside it, by MKL.

    MKL's kernels for AVX-512 do so by themselves for whole tiles of rows. Those for AVX2 do when
    asked, and are as fast; MKL looks before its first product alone.

    Source: oneMKL's guide, "Obtaining numerically reproducible results": MKL_CBWR.
    """
    is_narrowed = "MKL_ENABLE_INSTRUCTIONS" in os.environ
    if is_narrowed or torch.backends.cpu.get_cpu_capability() != "AVX512":
        os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


repeat_products()


def check_device(name: object) -> None:
    """Refuse what is no device of `DEVICES` on any machine.

    Raises:
        ValueError: Listing what there is.
    """
    if name not in DEVICES and not re.fullmatch(r"cuda:\d+", str(name)):
        raise ValueError(f"device: expected one of {', '.join(DEVICES)}, cuda:0, ..., got {name!r}")


def resolve_device(name: str) -> torch.device:
    """Return a device by name; "auto" takes an accelerator if there is one.

    Raises:
        ValueError: If the machine has no such device.
    """
    numbered = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    cuda = ["cuda", *numbered] if torch.cuda.is_available() else []
    present = [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]
    if name == "auto":
        return torch.device(present[0])
    if name not in present:
        raise ValueError(f"device: expected one of auto, {', '.join(present)} here, got {name!r}")
    return torch.device(name)


@contextmanager
def reproducible(threads: int | None) -> Iterator[None]:
    """Have cuDNN choose deterministic kernels, and set the CPU threads; restore both after.

    By default cuDNN may time its kernels, and the last bits depend on which one was fastest.

    Args:
        threads: CPU threads; None leaves PyTorch's.
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
    """Return a CPU tensor on a device; a graphics card is not waited for."""
    # Only CUDA reads the source before the call returns.
    return values.to(device, non_blocking=device.type == "cuda")


class Precision(NamedTuple):
    """Number format of weights and activations; latents and noise levels stay in float32.

    Args:
        dtype: Of the weights.
        tf32: Whether matrix products of float32 may round their factors to 10 bits.
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
"""Of these, what gradients survive without scaling."""


def computes_in_bf16(device: torch.device) -> bool:
    """Tell whether a device has instructions for bf16 that are faster than those for float32.

    A virtual machine may hide AMX of an Intel processor. What is left takes 1.2 of the time that
    float32 takes, where an AMD EPYC takes half (`sampling_auto_per_fp32_s2` of the benchmarks).
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
    """Return the precision that a name stands for: bf16 for "auto" where a device computes in it.

    Args:
        name: Of `PRECISIONS`, or "auto".
        device: A name of `DEVICES`; for one that is not here, "auto" is float32.
    """
    if name != AUTO:
        return name
    try:
        return "bf16" if computes_in_bf16(resolve_device(device)) else "fp32"
    except ValueError:  # what a device must be is said before the work
        return "fp32"


@contextmanager
def matmul_precision(precision: Precision) -> Iterator[None]:
    """Allow or forbid TF32 on CUDA for a while; restore the global switch after."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    try:
        matmul.allow_tf32 = cudnn.allow_tf32 = precision.tf32
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that a device, or the machine, has no memory left.

    Only CUDA has a type for it; the CPU and MPS say it in the text of a `RuntimeError`.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    texts = ("out of memory", "can't allocate memory", "not enough memory", "STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
