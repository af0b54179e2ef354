"""A distilled set of digits, compared with the same set made on the CPU."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.gpu.schedule import Found, GpuBench
from benchmarks.timing import spread_of
from mgd3_kedro.new_project import make_project

SHORT = "ipc=2,preset=smoke,jobs=1,trainings.networks=[convnet1],diffusion.num_inference_steps=10"
WHOLE = "ipc=10,preset=smoke"


def draw_digits(bench: GpuBench) -> Iterator[Found | str]:
    """Draw digits on the device and on the CPU, then evaluate those of the device."""
    settings = SHORT if bench.small else WHOLE
    on_device, on_cpu = (_Run(bench, name) for name in ("device", "reference"))
    on_cpu.start("generate", f"device=cpu,{settings}")
    on_device.start("generate", f"device={bench.device},{settings}")
    seconds = on_device.wait()
    yield Found("gpu_digits_generate_seconds", spread_of([seconds]))
    on_cpu.wait()
    differences = compare_images(on_device.images(), on_cpu.images())
    yield Found("gpu_digits_largest_difference", spread_of([float(differences.max())]))
    yield (
        f"{len(differences)} images, the largest difference of a pixel is {differences.max():.0f} "
        f"of 255, and {100 * (differences > 0).mean():.2f} % of the pixels differ"
    )
    # It uses the images that already exist.
    on_device.start("distill", f"device={bench.device},{settings}")
    seconds += on_device.wait()
    yield Found("gpu_digits_distill_seconds", spread_of([seconds]))
    for rows in on_device.project.glob("data/08_reporting/**/result_rows.csv"):
        shutil.copy(rows, bench.out / "digits_rows.csv")


def compare_images(ours: dict[str, Path], theirs: dict[str, Path]) -> np.ndarray:
    """Return the differences of the pixel values of two sets of images, (N, H, W, 3).

    Args:
        ours: Name -> file.
        theirs: The same names.

    Raises:
        ValueError: If there are no images, or the names differ.
    """
    if not ours or ours.keys() != theirs.keys():
        raise ValueError(
            f"expected the same images of both, got {len(ours)} and {len(theirs)}, of which "
            f"{len(ours.keys() & theirs.keys())} have the same name"
        )
    first, second = (
        np.stack([np.asarray(Image.open(of[name]).convert("RGB"), np.int16) for name in ours])
        for of in (ours, theirs)
    )
    return np.abs(first - second)


class _Run:
    """Runs of pipelines in a new project; their output is kept."""

    def __init__(self, bench: GpuBench, name: str) -> None:
        self.project = bench.folder / name
        self._said = bench.out / f"digits_{name}.txt"
        make_project(self.project)

    def start(self, pipeline: str, params: str) -> None:
        """Start a pipeline, without waiting for its end."""
        command = [sys.executable, "-m", "kedro", "run", f"--pipelines={pipeline}"]
        self._begun = time.monotonic()
        with self._said.open("a", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                [*command, "--params", params], cwd=self.project, stdout=file, stderr=file
            )

    def wait(self) -> float:
        """Return the seconds that the pipeline took.

        Raises:
            RuntimeError: If it failed.
        """
        if code := self._process.wait():
            raise RuntimeError(f"kedro run ended with {code}; see {self._said}")
        return time.monotonic() - self._begun

    def images(self) -> dict[str, Path]:
        """Return the images, name -> file."""
        folder = self.project / "data/07_model_output"
        found = sorted(folder.rglob("images/**/*.png"))
        return {str(path.relative_to(folder)): path for path in found}
