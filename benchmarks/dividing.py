"""Gain when two processes share a stage, and cost of dividing work."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.encoding import ImageSet, save_autoencoder
from benchmarks.models import SMALL, Bench, DiTSize, Work, save_dit, settings_of
from benchmarks.side_by_side import helper, serve
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.backbones import AutoencoderConfig
from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset
from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset
from mgd3_kedro.datasets.tensor import TensorPartitionsDataset
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.discover_modes.nodes import discover_modes
from mgd3_kedro.pipelines.guided_generate.nodes import distill_images
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.stages import Made, Partition, Stage, Task

DECODER = ImageSet(classes=1, images=1, side=32, channels=(16, 16, 16))
"""Its autoencoder decodes latents of 8 x 8 to images of 32 px."""


@dataclass(frozen=True)
class Classes:
    """Classes of random latents, and a model with random weights that draws their images.

    Args:
        count: Number of classes.
        images: Number of latents per class.
        ipc: Number of modes, and of images to draw, per class; also the batch size.
        steps: T.
        size: Size of the model.
    """

    count: int
    images: int
    ipc: int
    steps: int = 5
    size: DiTSize = SMALL

    @property
    def specs(self) -> tuple[ClassSpec, ...]:
        """The classes."""
        known = self.size.classes
        return tuple(ClassSpec(i, f"n{i}", i % known, f"n{i}") for i in range(self.count))

    def latents(self, label: int) -> dict[str, torch.Tensor]:
        """Return the latents of a class, (N, C, H, W)."""
        generator = torch.Generator().manual_seed(label)
        shape = (self.images, 4, self.size.latent_side, self.size.latent_side)
        return {"latents": torch.randn(shape, generator=generator)}

    def partitions(self, kind: str, load: Callable[[int], object]) -> dict[str, Partition]:
        """Return wnid -> partition, which `load` makes from the number of the class."""
        return {
            spec.wnid: Partition(partial(load, spec.label), f"{kind} {spec.wnid}", self.images)
            for spec in self.specs
        }


def plan_modes(folder: Path, classes: Classes) -> tuple[type[ClassPartitionsDataset], Stage]:
    """Return the stage that finds modes, and the data set that stores them."""
    del folder
    latents = classes.partitions("latents", classes.latents)
    return TensorPartitionsDataset, discover_modes(latents, latents, search(classes))


def plan_images(folder: Path, classes: Classes) -> tuple[type[ClassPartitionsDataset], Stage]:
    """Return the stage that draws images, and the data set that stores them."""
    work = Work(classes.size, images=classes.ipc, steps=classes.steps)
    model = save_prior(folder, classes.size)
    found = TensorPartitionsDataset(filepath=str(folder / f"modes{classes.count}x{classes.ipc}"))
    found.save(plan_modes(folder, classes)[1])
    latents = classes.partitions("latents", classes.latents)
    stage = distill_images(
        Benchmark("random", DECODER.side, classes.specs),
        "mgd3",
        DistillationConfig(classes.ipc, 0, "equal"),
        settings={"procedure": "denoise"},
        train_images=latents,
        latents=latents,
        modes=found.load(),
        prior=Partition(partial(_give, model), model.fingerprint),
        diffusion=settings_of(work, "cpu"),
        autoencoder=AutoencoderConfig(precision="fp32", compile=False, device="cpu"),
        sampling=SamplingConfig("noise", 1.0, 0.1, "constant", 0, None),
        found_by=search(classes),
    )
    return ImagePartitionsDataset, stage


PLANS = {"modes": plan_modes, "images": plan_images}


def compare_two_processes(bench: Bench, plan: str, classes: Classes) -> Spread:
    """Return the time of two processes that share a stage, over that of one process."""
    names = (bench.folder / f"{plan}{number}" for number in itertools.count())
    kind, stage = PLANS[plan](bench.folder, classes)

    def alone() -> None:
        kind(filepath=str(next(names))).save(stage)

    numbers = (classes.count, classes.images, classes.ipc, classes.steps)
    with helper("benchmarks.dividing", bench.folder, plan, *numbers) as start:

        def together() -> None:
            folder = next(names)
            wait = start(folder)
            kind(filepath=str(folder)).save(stage)
            wait()

        return spread_of(time_ratios(together, alone, bench.seconds))


def compare_with_calls(bench: Bench, classes: Classes) -> Spread:
    """Return the time of a stage with dividing, storing and recording, over that of its calls."""
    kind, stage = plan_images(bench.folder, classes)
    names = (bench.folder / f"divided{number}" for number in itertools.count())

    def calls() -> None:
        for wnid, task in stage.tasks.items():
            stage.function({wnid: task.loaded()}, stage.settings)

    def divided() -> None:
        kind(filepath=str(next(names))).save(replace(stage, group_size=1))

    return spread_of(time_ratios(divided, calls, bench.seconds))


def compare_keeping(bench: Bench, classes: Classes) -> Spread:
    """Return the time of a stage whose calls return prepared results, over that of the calls.

    Dividing, storing and recording add about a hundredth. This is too little to measure as the
    difference of two long times: other work of the machine would hide it.
    """
    kind, stage = plan_images(bench.folder, classes)
    names = (bench.folder / f"kept{number}" for number in itertools.count())
    made: dict[str, Made] = {}

    def calls() -> None:
        for wnid, task in stage.tasks.items():
            made.update(stage.function({wnid: task.loaded()}, stage.settings))

    def give(batch: Mapping[str, Task], settings: Any) -> dict[str, Made]:
        return {wnid: made[wnid] for wnid in batch}

    def keep() -> None:
        kind(filepath=str(next(names))).save(replace(stage, function=give, group_size=1))

    calls()
    return spread_of(time_ratios(keep, calls, bench.seconds))


def compare_with_serial(bench: Bench, kind: str, classes: Classes) -> Spread:
    """Return the time of a stage on a cluster of one worker, over that in this process.

    Args:
        bench: Where to work.
        kind: Kind of the executor.
        classes: The classes to draw.
    """
    keeps, stage = plan_images(bench.folder, classes)
    names = (bench.folder / f"{kind}{number}" for number in itertools.count())

    def run(executor: str) -> None:
        keeps(filepath=str(next(names)), executor={"kind": executor}).save(stage)

    return spread_of(time_ratios(partial(run, kind), partial(run, "serial"), bench.seconds))


def help_out(folder: str, plan: str, *numbers: str) -> None:
    """Read folders from standard input, one per line, and run the stage into each of them.

    Args:
        folder: Folder of the models.
        plan: A name of `PLANS`.
        numbers: Fields of `Classes`, in order.
    """
    torch.set_num_threads(1)
    kind, stage = PLANS[plan](Path(folder), Classes(*map(int, numbers)))
    serve(lambda place: kind(filepath=place).save(stage))


def save_prior(folder: Path, size: DiTSize) -> ModelFolder:
    """Save a transformer and an autoencoder with random weights, if they do not exist."""
    model = save_dit(folder, size)
    if not (model.path / "vae").exists():
        shutil.copytree(save_autoencoder(folder, DECODER).path / "vae", model.path / "vae")
    return model


def search(classes: Classes) -> ModesConfig:
    """Return the settings of mode discovery for some classes."""
    return ModesConfig("kmeans", classes.ipc, 0, 10, 8, 50, "equal")


def _give(model: ModelFolder) -> ModelFolder:
    return model
