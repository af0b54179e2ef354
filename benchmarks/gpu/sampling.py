"""Speed of drawing with DiT-XL/2, and how much of the card it uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.gpu.peaks import count_operations, find_peak
from benchmarks.gpu.schedule import Found, GpuBench
from benchmarks.memory import peak_while
from benchmarks.models import SMALL, XL2, Work, build_dit, draw, settings_of
from benchmarks.sampling import guided_per_unguided, step_per_forward
from benchmarks.timing import spread_of, time_rounds
from mgd3_kedro.backbones.diffusion import DiffusionBackbone, assemble_backbone
from mgd3_kedro.backbones.dit import DiTDenoiser
from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.devices import PRECISIONS

USUAL_STEPS = 50
"""Images per second are for this number of steps; the time per step does not depend on it."""
SECONDS = 6.0
"""Time for the rounds of one measurement."""
LEAST = 20.0
"""With fewer seconds left, no other batch size is measured."""
USUAL_BATCH = 64
# The most important first: the usual batch size, eager and compiled, then other sizes.
BATCHES = ((64, False), (64, True), (256, False), (16, False), (256, True), (16, True))
FULL = Work(XL2, images=USUAL_BATCH, steps=10, precision="bf16")
FEW = Work(SMALL, images=16, steps=2)


def draw_images(bench: GpuBench) -> Iterator[Found | str]:
    """Draw images with random weights, eager and compiled, at several batch sizes."""
    work = FEW if bench.small else FULL
    operations = 0
    for images, compiled in BATCHES:
        if bench.left < LEAST:
            yield f"batch {images}, {_form(compiled)}: left out, as {bench.left:.0f} s are left"
            continue
        sized = replace(work, images=images // 8 if bench.small else images, compile=compiled)
        try:
            backbone = build_backbone(sized, bench.device)
            if not operations:
                operations = operations_per_image(backbone, sized)
                yield f"{operations / 1e9:.1f} GFLOP per image and step, with both guidances"
            yield from _measure(bench, backbone, sized, operations)
            if images == USUAL_BATCH:
                yield from _compare(backbone, sized)
        except torch.OutOfMemoryError:
            yield f"batch {images}, {_form(compiled)}: the card has not enough memory"
        torch.compiler.reset()


def build_backbone(work: Work, device: str) -> DiffusionBackbone:
    """Return a backbone with random weights, created on its device."""
    with torch.device(device):
        transformer = build_dit(work.size)
    # Tensors made from NumPy arrays are still on the CPU.
    transformer.to(device, PRECISIONS[work.precision].dtype).eval().requires_grad_(False)
    if work.compile:
        transformer.compile()
    config = settings_of(work, device)
    return assemble_backbone(DiTDenoiser(transformer), TrainedSchedule(), config)


def operations_per_image(backbone: DiffusionBackbone, work: Work) -> int:
    """Return the floating-point operations of a step for one image.

    Source: PyTorch's `FlopCounterMode`.
    """
    latents = work.modes().to(backbone.device)
    conditions = backbone.conditions(work.specs())
    counted = count_operations(lambda: backbone.step(0, latents, conditions))
    return counted // work.images


def _compare(backbone: DiffusionBackbone, work: Work) -> Iterator[Found]:
    name = _name(work)
    yield Found(f"{name}_guided_per_unguided", guided_per_unguided(backbone, work, SECONDS))
    yield Found(f"{name}_step_per_forward", step_per_forward(backbone, work, SECONDS))


def _measure(
    bench: GpuBench, backbone: DiffusionBackbone, work: Work, operations: int
) -> Iterator[Found]:
    name = _name(work)
    rounds = time_rounds(lambda: draw(backbone, work), SECONDS)
    scale = work.steps / USUAL_STEPS * work.images
    yield Found(f"{name}_images_per_second", spread_of([scale / seconds for seconds in rounds]))
    if bench.device != "cpu":
        peak = find_peak(torch.cuda.get_device_name())
        if peak:
            asked = operations * work.images * work.steps / peak
            yield Found(f"{name}_share_of_peak", spread_of([asked / one for one in rounds]))
        yield Found(f"{name}_peak_gib", peak_while(lambda: draw(backbone, work)))


def _name(work: Work) -> str:
    return f"gpu_{work.size.name}_{work.precision}_{_form(work.compile)}_batch{work.images}"


def _form(compiled: bool) -> str:
    return "compiled" if compiled else "eager"
