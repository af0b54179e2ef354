"""Growth of memory with the data set when images are read from an archive and encoded."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from benchmarks.encoding import ImageSet, save_autoencoder
from benchmarks.models import Bench
from benchmarks.timing import Spread

START = "import sys; from benchmarks.streaming import print_peak; print_peak(*sys.argv[1:])"


def compare_peaks(bench: Bench, images: ImageSet, more: int) -> Spread:
    """Return the peak of resident memory with many images, over that with fewer (on Linux).

    Args:
        bench: Where to work.
        images: The smaller set of images.
        more: Factor between the sizes of the two sets.
    """
    model = save_autoencoder(bench.folder, images)
    peaks = [
        _peak_of(bench.folder, model.path, images, images.images * factor) for factor in (1, more)
    ]
    ratio = peaks[1] / peaks[0]
    return Spread(ratio, ratio, ratio)


def write_images(path: Path, images: ImageSet, per_class: int) -> None:
    """Write random images as a zip archive with a folder per class."""
    from PIL import Image

    generator = np.random.default_rng(0)
    shape = (images.side, images.side, 3)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(images.classes * per_class):
            file = io.BytesIO()
            Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(file, "PNG")
            name = f"{number % images.classes}/{number // images.classes}.png"
            archive.writestr(name, file.getvalue())


def encode_all(archive: Path, model: Path, side: int, folder: Path) -> int:
    """Encode an archive as a run does, and return the peak of resident memory in KiB.

    Source: proc(5), VmHWM.
    """
    from mgd3_kedro.backbones import AutoencoderConfig
    from mgd3_kedro.datasets.benchmark import BenchmarkDataset
    from mgd3_kedro.datasets.labelled_images import LabelledImagesDataset
    from mgd3_kedro.datasets.tensor import TensorPartitionsDataset
    from mgd3_kedro.memory import keep_freed_memory
    from mgd3_kedro.pipelines.encode.nodes import EncodingConfig, encode_images
    from mgd3_kedro.records import ModelFolder
    from mgd3_kedro.stages import Partition

    keep_freed_memory()
    benchmark = BenchmarkDataset(
        filepath=None, name="random", image_size=side, source=str(archive)
    ).load()
    index = str(folder / "index")
    train_images = LabelledImagesDataset(source=str(archive), index=index, image_size=side).load()
    prior = Partition(lambda: ModelFolder(model, "random", "dit"), "random")
    config = AutoencoderConfig(precision="fp32", compile=False, device="cpu")
    stage = encode_images(
        benchmark, train_images, prior, config, EncodingConfig("mean", "none", 0, "fp32", workers=0)
    )
    TensorPartitionsDataset(filepath=str(folder / "latents")).save(stage)
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise OSError("expected VmHWM in /proc/self/status, found none")


def _peak_of(folder: Path, model: Path, images: ImageSet, per_class: int) -> int:
    archive = folder / f"{per_class}.zip"
    write_images(archive, images, per_class)
    arguments = [str(archive), str(model), str(images.side), str(folder / f"of{per_class}")]
    # In a new process: the peak is that of the whole life of a process.
    answer = subprocess.run(
        [sys.executable, "-c", START, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return int(answer.stdout.splitlines()[-1])


def print_peak(archive: str, model: str, side: str, folder: str) -> None:
    """Print the result of `encode_all`, for the parent process."""
    print(encode_all(Path(archive), Path(model), int(side), Path(folder)))
