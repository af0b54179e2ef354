"""Faster training; results in float32 on a CPU stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mgd3_kedro.devices import Precision, matmul_precision
from mgd3_kedro.training.settings import LoopConfig


def build_optimizer(
    model: torch.nn.Module, config: LoopConfig, device: torch.device
) -> torch.optim.AdamW:
    """Return AdamW over all weights; on CUDA its update is one kernel rather than a dozen.

    Source: AdamW (arXiv 1711.05101).
    """
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        # On a CPU the fused update rounds differently from the update that digits are trained with.
        fused=True if device.type == "cuda" else None,
    )


def choose_attention(model: torch.nn.Module, config: LoopConfig, device: torch.device) -> None:
    """Replace PyTorch's attention, in place, if another one trains faster: on a CPU in bf16."""
    if device.type == "cpu" and config.number_format.dtype is not torch.float32:
        from mgd3_kedro.training.attention import shorten_attention

        shorten_attention(model)


@contextmanager
def fast_kernels(precision: Precision) -> Iterator[None]:
    """Let cuDNN benchmark its kernels and set TF32 as configured, within the context.

    Every batch has the same shape, so the benchmark of the first batch pays off. Neither setting
    has an effect on a CPU.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    try:
        cudnn.benchmark = True
        with matmul_precision(precision):
            yield
    finally:
        cudnn.benchmark = before
