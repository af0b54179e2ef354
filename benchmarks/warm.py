"""Cost of a command whose results all exist."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.models import SEED, Bench
from benchmarks.timing import Spread, spread_of
from mgd3_kedro.new_project import make_project

REPEATS = 3
SIDE, IMAGES = 16, 4
PARAMETERS = (
    *("benchmark=many", "data=images", f"image_size={SIDE}", "method=random", "ipc=2"),
    *("evaluation.epochs=1", "trainings.networks=[convnet1]", "workers.classes=1", "device=cpu"),
    "analysis.features=pixels",
)


def measure_warm_run(bench: Bench, classes: int) -> Spread:
    """Return the CPU seconds of a command that is run again, when all results exist.

    The command is a whole `distill` that selects real images of many classes: index, selection,
    trainings, scores and the page.

    Args:
        bench: Where to work.
        classes: Number of classes of the data set.
    """
    project = bench.folder / f"project{classes}"
    if not project.exists():
        make_project(project)
        write_classes(project / "images", classes)
    _run(project)
    return spread_of([_run(project) for _ in range(REPEATS)])


def write_classes(folder: Path, classes: int) -> None:
    """Write random images in class folders."""
    generator = np.random.default_rng(SEED)
    for label in range(classes):
        path = folder / f"class{label:04}"
        path.mkdir(parents=True)
        for number in range(IMAGES):
            pixels = generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path / f"{number}.png")


def _run(project: Path) -> float:
    """Run the command in a new process, and return its CPU seconds."""
    before = _seconds_of_children()
    subprocess.run(
        [
            *(sys.executable, "-m", "mgd3_kedro", "run", "--env", "custom", "--pipelines=distill"),
            *("--params", ",".join(PARAMETERS)),
        ],
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return _seconds_of_children() - before


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
