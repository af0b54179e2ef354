"""Cost of evaluation beyond the networks, and gain by precision and compilation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from benchmarks.models import SEED, Bench
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.evaluation import EvaluationConfig, LabelledSet, build_network, train_network
from mgd3_kedro.evaluation.compiled import CompiledNetwork
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.scores import score
from mgd3_kedro.evaluation.train import TrainingResult

CLASSES = 10
BATCH = 64


class Course(NamedTuple):
    """A training to measure.

    Args:
        network: A name of `NETWORKS`.
        image_size: Side of the images, in pixels.
        ipc: Images per class; there are ten classes.
        epochs: Number of epochs.
        precision: A name of `PRECISIONS`.
        compile: Whether the network is compiled.
    """

    network: str
    image_size: int
    ipc: int
    epochs: int
    precision: str = "fp32"
    compile: bool = False

    def images(self) -> LabelledSet:
        """Return random images."""
        generator = torch.Generator().manual_seed(SEED)
        shape = (self.ipc, 3, self.image_size, self.image_size)
        classes = [
            torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
            for _ in range(CLASSES)
        ]
        return LabelledSet.of_classes(classes)

    def config(self, device: str) -> EvaluationConfig:
        """Return the settings of the hard-label protocol, with a single validation."""
        return EvaluationConfig(
            protocol="hard",
            preset="paper",
            presets={"paper": 1.0},
            epochs=self.epochs,
            image_size=None,
            learning_rate=None,
            momentum=None,
            weight_decay=None,
            batch_size=BATCH,
            cutmix=None,
            flip_probability=None,
            crop_min_scale=None,
            jitter_strength=None,
            lighting_std=None,
            factor=None,
            temperature=None,
            rand_augment_ops=None,
            rand_augment_magnitude=None,
            validations=1,
            precision=self.precision,
            compile=self.compile,
            device=device,
            threads=None,
        )


def compare_with_bare_passes(bench: Bench, course: Course) -> Spread:
    """Return the time of a training, over that of its forward and backward passes and updates.

    Both see the same batches equally often; for the passes alone they are prepared before.
    """
    train = prepare_training(bench, course)
    data = course.images()
    device = resolve_device(bench.device)
    passes = _passes(course, device)
    optimizer = torch.optim.SGD(passes.model.parameters(), lr=0.01, momentum=0.9)
    inputs = torch.rand(len(data.images), 3, course.image_size, course.image_size).to(device)
    targets = F.one_hot(data.labels, CLASSES).float().to(device)
    batches = list(zip(inputs.split(BATCH), targets.split(BATCH), strict=True))

    def run_bare() -> None:
        for _ in range(course.epochs):
            for images, wanted in batches:
                _update(passes, optimizer, images, wanted)

    return spread_of(time_ratios(train, run_bare, bench.seconds))


def prepare_training(bench: Bench, course: Course) -> Callable[[], TrainingResult]:
    """Return a function that runs a training with a test on one image."""
    data, config = course.images(), course.config(bench.device)
    tested = LabelledSet(data.images[:1], data.labels[:1], CLASSES)
    return lambda: train_network(
        data, tested, network=course.network, ipc=course.ipc, config=config, seed=SEED
    )


def compare_with_bare_forward(bench: Bench, course: Course) -> Spread:
    """Return the time of a validation, over that of the forward passes alone."""
    device = resolve_device(bench.device)
    data, passes = course.images().to(device), _passes(course, device)
    inputs = torch.rand(len(data.images), 3, course.image_size, course.image_size).to(device)

    def validate() -> None:
        score(passes.classify(data.images), data.labels)

    return spread_of(time_ratios(validate, lambda: passes.logits_of(inputs), bench.seconds))


def compare_with_eager(bench: Bench, course: Course) -> Spread:
    """Return a network's updates per second, over those in float32 without compilation."""
    device = resolve_device(bench.device)
    eager = course._replace(precision="fp32", compile=False)
    inputs = torch.rand(BATCH, 3, course.image_size, course.image_size).to(device)
    targets = F.one_hot(torch.arange(BATCH) % CLASSES, CLASSES).float().to(device)
    steps = []
    for one in (eager, course):
        passes = _passes(one, device)
        optimizer = torch.optim.SGD(passes.model.parameters(), lr=0.01, momentum=0.9)
        steps.append((passes, optimizer))

    def update(place: int) -> None:
        _update(*steps[place], inputs, targets)

    return spread_of(time_ratios(lambda: update(0), lambda: update(1), bench.seconds))


def _passes(course: Course, device: torch.device) -> Passes:
    model = build_network(course.network, CLASSES, course.image_size).to(device)
    run = CompiledNetwork(model) if course.compile else model
    return Passes(run, PRECISIONS[course.precision], device)


def _update(
    passes: Passes, optimizer: torch.optim.Optimizer, images: torch.Tensor, wanted: torch.Tensor
) -> None:
    optimizer.zero_grad(set_to_none=True)
    passes.backward(images, lambda logits, rows: F.cross_entropy(logits, wanted[rows]))
    optimizer.step()
