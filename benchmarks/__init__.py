"""Speed of the project, as ratios of computations that alternate on one machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from benchmarks.analysis import ScoredClass, compare_with_differences, measure_class_seconds
from benchmarks.augmentation import Pictures, compare_with_pil
from benchmarks.decoding import (
    Photos,
    compare_decoding,
    compare_with_images_in_memory,
    measure_decoding_rate,
    measure_waits_at_borders,
)
from benchmarks.dividing import (
    Classes,
    compare_keeping,
    compare_two_processes,
    compare_with_calls,
    compare_with_serial,
)
from benchmarks.encoding import (
    ImageSet,
    compare_with_bare_autoencoder,
    measure_memory_growth,
)
from benchmarks.evaluation import (
    Course,
    compare_with_bare_passes,
    compare_with_eager,
)
from benchmarks.evaluation import compare_with_bare_forward as compare_validation
from benchmarks.limits import compare_bare_halves
from benchmarks.memory import measure_peak_memory
from benchmarks.models import S2, SMALL, XL2, Bench, Work
from benchmarks.resizing import (
    compare_readings,
    compare_resizes,
    compare_with_reading,
    measure_largest_difference,
    measure_mean_difference,
)
from benchmarks.safety import compare_with_unsafe
from benchmarks.sampling import (
    compare_pulls,
    compare_with_bare_forward,
    compare_with_float32,
    compare_with_plain_loop,
    compare_with_unguided,
)
from benchmarks.streaming import compare_peaks
from benchmarks.timing import Spread
from benchmarks.training import compare_with_fused_attention
from benchmarks.warm import measure_warm_run

__all__ = ["MEASUREMENTS", "Measurement"]


class Measurement(NamedTuple):
    """A number that is measured.

    Args:
        measure: Function that measures it.
        goal: What its median should reach; empty for no goal.
        only_on: The only device on which it is measured; empty for any device.
    """

    measure: Callable[[Bench], Spread]
    goal: str = ""
    only_on: str = ""


# With two rows per image, these batches fill whole tiles of rows, so none needs padding.
DIGITS = Work(SMALL, images=32, steps=5)
PICTURES = Work(S2, images=16, steps=2)
FEW_PICTURES = Work(S2, images=8, steps=2)
LARGE_IMAGES = ImageSet(classes=1, images=16, side=256, channels=(32, 64, 64, 64))
# Latents of 4 x 8 x 8, as of the shipped prior.
FEW_IMAGES = ImageSet(classes=10, images=500, side=32, channels=(16, 16, 16))
MANY_CLASSES = ImageSet(classes=64, images=64, side=32, channels=(16, 16))
# Six slices per class; the model waits for the first slice of each class.
PHOTOS = Photos(ImageSet(classes=2, images=96, side=256, channels=(32, 64, 64, 64)))
# Small classes of two slices; the model waits for the first slice of each class.
FEW_PHOTOS = Photos(ImageSet(classes=24, images=32, side=256, channels=(32, 64, 64, 64)))
# As many images as a class of ImageNet-1K; 4 800 numbers each (latents at 256 px: 4 096).
SCORED_CLASS = ScoredClass(real=1300, synthetic=50, side=40)
SMALL_COURSE = Course("convnet3", image_size=32, ipc=64, epochs=1)
SHARED_MODES = Classes(count=24, images=400, ipc=10)
SHARED_IMAGES = Classes(count=24, images=20, ipc=10, steps=10)
FULL_CLASSES = Classes(count=4, images=60, ipc=50, steps=50)
LARGER_COURSE = Course("convnet4", image_size=64, ipc=32, epochs=1)


def _on_a_card(images: int) -> dict[str, Measurement]:
    """Return the measurements of the largest model at one batch size."""
    made = {}
    for form, compiled in (("bf16", False), ("bf16_compile", True)):
        work = Work(XL2, images, steps=10, precision="bf16", compile=compiled)
        made[f"sampling_xl2_{form}_batch{images}"] = Measurement(
            partial(compare_with_plain_loop, work=work), only_on="cuda"
        )
        made[f"peak_gib_xl2_{form}_batch{images}"] = Measurement(
            partial(measure_peak_memory, work=work), only_on="cuda"
        )
    return made


def _sampling(work: Work, goal: str = "", **changes: Any) -> Measurement:
    return Measurement(partial(compare_with_plain_loop, work=replace(work, **changes)), goal)


MEASUREMENTS: dict[str, Measurement] = {
    "sampling_small": _sampling(DIGITS, ">= 2.7"),
    "sampling_small_compile": _sampling(DIGITS, compile=True),
    "sampling_small_bf16_compile": _sampling(DIGITS, ">= 4.5", precision="bf16", compile=True),
    "sampling_s2": _sampling(PICTURES, ">= 1.03"),
    "sampling_s2_bf16": _sampling(PICTURES, ">= 1.75", precision="bf16"),
    "guided_per_unguided_small": Measurement(
        partial(compare_with_unguided, work=DIGITS), "<= 1.03"
    ),
    "guided_per_unguided_s2": Measurement(
        partial(compare_with_unguided, work=FEW_PICTURES), "<= 1.03"
    ),
    "layout_pull_per_pull_small": Measurement(partial(compare_pulls, work=DIGITS), "<= 1.5"),
    "layout_pull_per_pull_s2": Measurement(partial(compare_pulls, work=FEW_PICTURES), "<= 1.5"),
    "step_per_forward_small": Measurement(
        partial(compare_with_bare_forward, work=DIGITS), "<= 1.10"
    ),
    "step_per_forward_s2": Measurement(
        partial(compare_with_bare_forward, work=FEW_PICTURES), "<= 1.03"
    ),
    "encode_per_autoencoder": Measurement(
        partial(compare_with_bare_autoencoder, images=LARGE_IMAGES), "<= 1.05"
    ),
    "encode_rss_bytes_per_image": Measurement(
        partial(measure_memory_growth, images=MANY_CLASSES), "<= 1024"
    ),
    "encode_peak_rss_40000_per_5000": Measurement(
        partial(compare_peaks, images=FEW_IMAGES, more=8), "<= 1.05", only_on="cpu"
    ),
    "two_processes_per_one_modes": Measurement(
        partial(compare_two_processes, plan="modes", classes=SHARED_MODES), "<= 0.6", "cpu"
    ),
    "two_processes_per_one_kmeans": Measurement(
        partial(compare_bare_halves, classes=SHARED_MODES), only_on="cpu"
    ),
    "two_processes_per_one_images": Measurement(
        partial(compare_two_processes, plan="images", classes=SHARED_IMAGES), "<= 0.6", "cpu"
    ),
    "divided_per_calls_ipc50": Measurement(
        partial(compare_with_calls, classes=FULL_CLASSES), "<= 1.02", "cpu"
    ),
    "kept_per_calls_ipc50": Measurement(
        partial(compare_keeping, classes=FULL_CLASSES), "<= 0.02", "cpu"
    ),
    "dask_per_serial_ipc50": Measurement(
        partial(compare_with_serial, kind="dask", classes=FULL_CLASSES), "<= 1.02", "cpu"
    ),
    "sampling_auto_per_fp32_s2": Measurement(
        partial(compare_with_float32, work=FEW_PICTURES), "<= 0.55"
    ),
    "decoding_per_pil": Measurement(
        partial(compare_decoding, photos=PHOTOS), "<= 1.15", only_on="cpu"
    ),
    "decoded_images_per_cpu_second": Measurement(
        partial(measure_decoding_rate, photos=PHOTOS), only_on="cpu"
    ),
    "resizing_per_reading": Measurement(
        partial(compare_with_reading, photos=PHOTOS), only_on="cpu"
    ),
    "resizing_torch_per_pil": Measurement(partial(compare_resizes, photos=PHOTOS), only_on="cpu"),
    "reading_torch_per_pil": Measurement(partial(compare_readings, photos=PHOTOS), only_on="cpu"),
    "resizing_mean_difference": Measurement(
        partial(measure_mean_difference, photos=PHOTOS), only_on="cpu"
    ),
    "resizing_largest_difference": Measurement(
        partial(measure_largest_difference, photos=PHOTOS), only_on="cpu"
    ),
    "encode_files_per_memory": Measurement(
        partial(compare_with_images_in_memory, photos=PHOTOS), "<= 1.1"
    ),
    "encode_waits_at_borders_24": Measurement(partial(measure_waits_at_borders, photos=FEW_PHOTOS)),
    "warm_run_cpu_seconds_1000_classes": Measurement(
        partial(measure_warm_run, classes=1000), "<= 10", only_on="cpu"
    ),
    "distill_per_unsafe": Measurement(compare_with_unsafe, "<= 1.03", only_on="cpu"),
    "analysis_per_differences": Measurement(
        partial(compare_with_differences, of=SCORED_CLASS), "<= 0.5", only_on="cpu"
    ),
    "analysis_cpu_seconds_per_class": Measurement(
        partial(measure_class_seconds, of=SCORED_CLASS), "<= 0.8", only_on="cpu"
    ),
    "augmentation_per_pil_32": Measurement(
        partial(compare_with_pil, work=Pictures(64, 32)), "<= 0.3"
    ),
    "augmentation_per_pil_64": Measurement(
        partial(compare_with_pil, work=Pictures(64, 64)), "<= 0.3"
    ),
    "training_per_passes_32": Measurement(
        partial(compare_with_bare_passes, course=SMALL_COURSE), "<= 1.10"
    ),
    "training_per_passes_64": Measurement(
        partial(compare_with_bare_passes, course=LARGER_COURSE), "<= 1.05"
    ),
    "validation_per_forward_32": Measurement(
        partial(compare_validation, course=SMALL_COURSE), "<= 1.05"
    ),
    "validation_per_forward_64": Measurement(
        partial(compare_validation, course=LARGER_COURSE), "<= 1.05"
    ),
    "training_bf16_compile": Measurement(
        partial(compare_with_eager, course=SMALL_COURSE._replace(precision="bf16", compile=True)),
        ">= 2",
    ),
    "training_compile": Measurement(
        partial(compare_with_eager, course=SMALL_COURSE._replace(compile=True))
    ),
    "training_64_compile": Measurement(
        partial(compare_with_eager, course=LARGER_COURSE._replace(compile=True))
    ),
    "training_64_bf16_compile": Measurement(
        partial(compare_with_eager, course=LARGER_COURSE._replace(precision="bf16", compile=True))
    ),
    "short_attention_small_bf16": Measurement(
        partial(compare_with_fused_attention, size=SMALL, batch=96), only_on="cpu"
    ),
    "short_attention_s2_bf16": Measurement(
        partial(compare_with_fused_attention, size=S2, batch=8), only_on="cpu"
    ),
    **_on_a_card(1),
    **_on_a_card(16),
    **_on_a_card(64),
}
