"""Speed of training a network with the hard-label protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.evaluation import Course, compare_with_bare_passes, prepare_training
from benchmarks.gpu.schedule import Found, GpuBench
from benchmarks.timing import spread_of, time_rounds

FULL = Course("resnet18", image_size=224, ipc=128, epochs=2)
FEW = Course("resnet18", image_size=32, ipc=2, epochs=1)
FORMS = (("bf16", False), ("tf32", False), ("bf16", True))
SECONDS = 5.0
LEAST = 10.0


def train_networks(bench: GpuBench) -> Iterator[Found | str]:
    """Train on random images, with augmentation and CutMix."""
    work = FEW if bench.small else FULL
    for precision, compiled in (("fp32", False),) if bench.small else FORMS:
        form = f"{precision}_{'compiled' if compiled else 'eager'}"
        if bench.left < LEAST:
            yield f"{form}: left out, as {bench.left:.0f} s are left"
            continue
        course = work._replace(precision=precision, compile=compiled)
        train = prepare_training(bench, course)
        rounds = time_rounds(train, SECONDS)
        seen = train().image_steps
        name = f"gpu_{course.network}_{course.image_size}px_{form}"
        rates = [seen / seconds for seconds in rounds]
        yield Found(f"{name}_training_images_per_second", spread_of(rates))
        if not compiled:
            spread = compare_with_bare_passes(replace(bench, seconds=SECONDS), course)
            yield Found(f"{name}_training_per_passes", spread)
