"""Cost of the encode stage beyond its autoencoder, in time and in memory."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.models import LATENT_CHANNELS, SEED, Bench, DiTSize, save_dit
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.backbones.autoencoder import pixels_to_unit
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.datasets.tensor import TensorPartitionsDataset
from mgd3_kedro.pipelines.encode.nodes import EncodingConfig, encode_images
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.stages import Partition

SETTLED = 8
"""Number of classes after which caches and memory pools no longer grow."""
REPEATS = 3


@dataclass(frozen=True)
class ImageSet:
    """Random images.

    Args:
        classes: Number of classes.
        images: Number of images per class.
        side: Side of an image, in pixels.
        channels: Channels of the autoencoder's levels; the side is halved from level to level.
    """

    classes: int
    images: int
    side: int
    channels: tuple[int, ...]

    def load(self, label: int) -> torch.Tensor:
        """Return the images of a class, (N, 3, S, S), uint8."""
        generator = torch.Generator().manual_seed(label)
        shape = (self.images, 3, self.side, self.side)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def compare_with_bare_autoencoder(bench: Bench, images: ImageSet) -> Spread:
    """Return the time of the encode stage, over that of its autoencoder alone."""
    model = save_autoencoder(bench.folder, images)
    config = _config(bench)
    autoencoder = load_autoencoder(model, config)
    in_memory = [images.load(label) for label in range(images.classes)]
    batches = [
        pixels_to_unit(part).to(autoencoder.vae.device)
        for of_class in in_memory
        for part in of_class.split(autoencoder.slice_size)
    ]

    @torch.no_grad()
    def encode_alone() -> None:
        for batch in batches:
            autoencoder.vae.encode(batch)

    numbers = itertools.count()

    def run_stage() -> None:
        # A new folder: the stage would skip a complete one.
        folder = bench.folder / f"latents{next(numbers)}"
        _run_stage(folder, images, in_memory.__getitem__, model, config)

    return spread_of(time_ratios(run_stage, encode_alone, bench.seconds))


def measure_memory_growth(bench: Bench, images: ImageSet) -> Spread:
    """Return the growth of the process's memory per encoded image, in bytes."""
    model = save_autoencoder(bench.folder, images)
    config = _config(bench)
    growths = []
    for repeat in range(REPEATS):
        resident: list[int] = []
        load = partial(_load_and_weigh, images, resident)
        _run_stage(bench.folder / f"weighed{repeat}", images, load, model, config)
        growths.append(growth_per_image([*resident, resident_bytes()], images.images))
    return spread_of(growths)


def growth_per_image(resident: list[int], images: int) -> float:
    """Return the growth in bytes per image from class number `SETTLED` to the last class.

    Args:
        resident: Resident bytes before each class, and after the last.
        images: Number of images per class.
    """
    return (resident[-1] - resident[SETTLED]) / (images * (len(resident) - 1 - SETTLED))


def resident_bytes() -> int:
    """Return the resident memory of the process in bytes, on Linux with glibc.

    Freed memory is first given back to the system: otherwise it could hide growth.

    Source: proc(5), statm; malloc_trim(3).
    """
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def save_autoencoder(folder: Path, images: ImageSet) -> ModelFolder:
    """Save an autoencoder with random weights, if it does not exist."""
    from diffusers import AutoencoderKL

    levels = len(images.channels)
    latent_side = images.side // 2 ** (levels - 1)
    # The side of images is read from the configuration of the transformer in the same folder.
    size = DiTSize(f"autoencoder{images.side}", 1, 1, 8, latent_side, 1, predicts_variance=False)
    model = save_dit(folder, size)
    if not (model.path / "vae").exists():
        torch.manual_seed(SEED)
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=images.channels,
            layers_per_block=1,
            latent_channels=LATENT_CHANNELS,
            norm_num_groups=8,
            sample_size=images.side,
        )
        vae.save_pretrained(model.path / "vae")
    return model


def _config(bench: Bench) -> AutoencoderConfig:
    return AutoencoderConfig(precision="fp32", compile=False, device=bench.device)


def _load_and_weigh(images: ImageSet, resident: list[int], label: int) -> torch.Tensor:
    resident.append(resident_bytes())
    return images.load(label)


def _run_stage(
    folder: Path,
    images: ImageSet,
    load: Callable[[int], torch.Tensor],
    model: ModelFolder,
    config: AutoencoderConfig,
) -> None:
    specs = tuple(ClassSpec(i, str(i), i, str(i)) for i in range(images.classes))
    train_images = {
        spec.wnid: Partition(partial(load, spec.label), spec.wnid, images.images) for spec in specs
    }
    stage = encode_images(
        Benchmark("random", images.side, specs),
        train_images,
        Partition(lambda: model, model.fingerprint),
        config,
        EncodingConfig("mean", "none", SEED, keep="fp32", workers=0),
    )
    TensorPartitionsDataset(filepath=str(folder)).save(stage)
