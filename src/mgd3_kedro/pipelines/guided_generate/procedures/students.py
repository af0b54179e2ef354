"""Student networks, which are trained on the increments so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from mgd3_kedro.checkpoint import Checkpoint, digest_of, name_checkpoint
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.evaluation import HardLabelConfig, LabelledSet, build_network, train_network
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import Teacher
from mgd3_kedro.randomness import seeded_globals
from mgd3_kedro.stages import Made, Task, neutral

STUDENT = "student"
"""Name of the only part of a stage that trains a student."""


@dataclass(frozen=True)
class StudentSettings:
    """Settings of a student.

    Args:
        config: Configuration of its training.
        size: Side of its input, in pixels.
        checkpoints: Folder of checkpoints, for interrupted trainings.
    """

    config: HardLabelConfig
    size: int
    checkpoints: str = neutral()


@dataclass(frozen=True)
class StudentData:
    """Size of a student's training set.

    Args:
        increments: Number of increments per class.
        ipc: Images per class, which select the protocol's hyperparameters.
    """

    increments: int
    ipc: int


def train_students(batch: Mapping[str, Task], settings: StudentSettings) -> dict[str, Made]:
    """Train a network on some increments of all classes; an interrupted training is resumed.

    Returns:
        Name -> weights.

    Raises:
        DivergenceError: If the loss is not finite.

    Source: LGD (arXiv 2604.00519).
    """
    made, config = {}, settings.config
    for name, task in batch.items():
        learned: StudentData = task.about
        parts = [kept["images"] for kept in task.inputs["increments"]]
        classes = [
            torch.cat(parts[start : start + learned.increments])
            for start in range(0, len(parts), learned.increments)
        ]
        show = partial(fit_images, resize=settings.size, size=settings.size)
        data = LabelledSet.of_classes(classes, show)
        identity = digest_of(learned, code_digest(train_students, settings), config, data.images)
        told = f"{name} of {learned.increments}"
        path = name_checkpoint(Path(settings.checkpoints), told.replace(" ", "-"), identity)
        checkpoint = Checkpoint(path, identity)
        result = train_network(
            data,
            data,
            network=config.network,
            ipc=learned.ipc,
            config=config,
            seed=config.seed,
            checkpoint=checkpoint,
            progress=ProgressLog(told),
            rate_setting="student_training.learning_rate",
        )
        checkpoint.remove()
        state = {key: value.cpu() for key, value in result.network.state_dict().items()}
        made[name] = Made(state, len(data.images), {"top1_of_its_images": result.top1_last})
    return made


def student_at(
    state: Mapping[str, torch.Tensor], config: HardLabelConfig, size: int, classes: int
) -> Teacher:
    """Return a student with the interface of a teacher.

    Args:
        state: Weights of the student.
        config: Configuration of its training.
        size: Side of its input, in pixels.
        classes: Number of its classes.
    """
    device = resolve_device(config.device)
    with seeded_globals(torch.device("cpu"), config.seed):
        network = build_network(config.network, classes, size)
    network.load_state_dict(state)
    network.to(device).eval().requires_grad_(False)
    return Teacher(Passes(network, PRECISIONS["fp32"], device), size, STUDENT)
