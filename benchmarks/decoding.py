"""Cost of image files in the encode stage: decoding them, and waiting for them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

from benchmarks.encoding import ImageSet, save_autoencoder
from benchmarks.models import SEED, Bench
from benchmarks.timing import Spread, spread_of, time_ratios, time_rounds
from mgd3_kedro.backbones import AutoencoderConfig
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.datasets.labelled_images import LabelledImagesDataset
from mgd3_kedro.datasets.resizing import centre_crop
from mgd3_kedro.datasets.tensor import TensorPartitionsDataset
from mgd3_kedro.images import LazyImages
from mgd3_kedro.pipelines.encode import nodes
from mgd3_kedro.pipelines.encode.ahead import decode_ahead
from mgd3_kedro.pipelines.encode.nodes import EncodingConfig, encode_images
from mgd3_kedro.stages import Partition

WORKERS = 1
"""Number of decoding threads; with the thread of the model, two cores are in use."""
SLICE = 16
REPEATS = 3


@dataclass(frozen=True)
class Photos:
    """JPEG files of the usual size of photos, in class folders.

    Args:
        images: Numbers of classes and of images per class, the side that they are resized to, and
            the size of the autoencoder.
        width: Width of a file, in pixels.
        height: Height of a file, in pixels.
    """

    images: ImageSet
    width: int = 500
    height: int = 375

    def write(self, folder: Path) -> Path:
        """Write the files if they do not exist, and return their folder."""
        place = folder / f"photos{self.images.classes}"
        generator = np.random.default_rng(SEED)
        for label, number in itertools.product(
            range(self.images.classes), range(self.images.images)
        ):
            path = place / f"{label:03}/{number}.jpg"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                # As much detail as in photos: about 50 kB.
                small = generator.integers(0, 256, (self.height // 8, self.width // 8, 3))
                picture = Image.fromarray(small.astype(np.uint8))
                picture.resize((self.width, self.height), Image.Resampling.BICUBIC).save(path)
        return place

    def load(self, folder: Path) -> dict[str, Partition]:
        """Return the classes in the form that a run reads."""
        return LabelledImagesDataset(
            source=str(self.write(folder)),
            index=str(folder / f"index{self.images.classes}"),
            image_size=self.images.side,
        ).load()


def compare_decoding(bench: Bench, photos: Photos) -> Spread:
    """Return the CPU time of decoding as a run does, over that of Pillow and the same resize.

    A run also reads each file as a whole, and checks that it is the file that was indexed.
    """
    loaded = [partition.load() for partition in photos.load(bench.folder).values()]
    paths = sorted(photos.write(bench.folder).rglob("*.jpg"))

    def decode_alone() -> None:
        for path in paths:
            with Image.open(path) as image:
                centre_crop(image.convert("RGB"), photos.images.side)

    return spread_of(
        time_ratios(lambda: decode_all(loaded), decode_alone, bench.seconds, time.process_time)
    )


def measure_decoding_rate(bench: Bench, photos: Photos) -> Spread:
    """Return the images decoded per CPU second, which limits how many a core can encode."""
    loaded = [partition.load() for partition in photos.load(bench.folder).values()]
    count = photos.images.classes * photos.images.images
    rounds = time_rounds(lambda: decode_all(loaded), bench.seconds, time.process_time)
    return spread_of([count / seconds for seconds in rounds])


def compare_with_images_in_memory(bench: Bench, photos: Photos) -> Spread:
    """Return the time to encode files that are decoded ahead, over that of images in memory."""
    in_files = photos.load(bench.folder)
    decoded = {wnid: of.load()[:] for wnid, of in in_files.items()}
    in_memory = {
        wnid: Partition(partial(decoded.__getitem__, wnid), of.fingerprint, of.count)
        for wnid, of in in_files.items()
    }
    encode = _encoding(bench, photos)
    return spread_of(
        time_ratios(lambda: encode(in_files), lambda: encode(in_memory), bench.seconds)
    )


def measure_waits_at_borders(bench: Bench, photos: Photos) -> Spread:
    """Return the share of encoding time in which the model waits for first slices of classes.

    All other slices are decoded while the model encodes the slices before them.
    """
    in_files, encode = photos.load(bench.folder), _encoding(bench, photos)
    waited: list[float] = []

    def watched(*arguments: Any) -> Iterator[torch.Tensor]:
        begun = time.perf_counter()
        slices = decode_ahead(*arguments)
        first = next(slices)
        waited.append(time.perf_counter() - begun)
        yield first
        yield from slices

    def share() -> float:
        waited.clear()
        begun = time.perf_counter()
        encode(in_files)
        return sum(waited) / (time.perf_counter() - begun)

    with mock.patch.object(nodes, "decode_ahead", watched):
        share()  # warm-up: loading at the first call does not count
        return spread_of([share() for _ in range(REPEATS)])


def _encoding(bench: Bench, photos: Photos) -> Callable[[dict[str, Partition]], None]:
    """Return a function that runs the encode stage on classes, into a new folder at every call."""
    model = save_autoencoder(bench.folder, photos.images)
    numbers = itertools.count()

    def encode(real: dict[str, Partition]) -> None:
        specs = tuple(ClassSpec(i, wnid, i, wnid) for i, wnid in enumerate(real))
        stage = encode_images(
            Benchmark("photos", photos.images.side, specs),
            real,
            Partition(lambda: model, model.fingerprint),
            AutoencoderConfig(precision="fp32", compile=False, device=bench.device),
            EncodingConfig("mean", "none", SEED, keep="fp32", workers=WORKERS),
        )
        folder = bench.folder / f"latents-of-photos{next(numbers)}"
        TensorPartitionsDataset(filepath=str(folder)).save(stage)

    return encode


def decode_all(loaded: list[LazyImages]) -> None:
    """Decode all images as a run does."""
    for images in loaded:
        for _ in images.chunks(SLICE):
            pass
