"""Students of the increments so far, the images that they have most to learn from, and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.checkpoint import Checkpoint, digest_of, name_checkpoint
from mgd3_kedro.checks import naming
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.evaluation import LabelledSet, UntaughtConfig, build_network, train_network
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.pipelines.guided_generate.procedures.increments import Increments
from mgd3_kedro.pipelines.guided_generate.procedures.settings import Schooling
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import Teacher, teacher_at
from mgd3_kedro.randomness import seeded_globals
from mgd3_kedro.sampling import choose_learnable, measure_learnability
from mgd3_kedro.stages import Made, Task, neutral

STUDENT = "student"
"""What the only part of a stage that trains a student is called."""


@dataclass(frozen=True)
class Studying:
    """Settings of a student.

    Args:
        config: How it is trained.
        size: Side of what it sees, in pixels.
        checkpoints: Folder for trainings that are interrupted.
    """

    config: UntaughtConfig
    size: int
    checkpoints: str = neutral()


@dataclass(frozen=True)
class Learned:
    """What a student has seen.

    Args:
        increments: How many of every class.
        ipc: Images per class, by which its protocol has its numbers.
    """

    increments: int
    ipc: int


@dataclass(frozen=True)
class Judging:
    """Settings of those who judge draws.

    Args:
        student: How the student was trained.
        size: Side of what it sees, in pixels.
        schooling: What the teacher sees, and where; its classes are in the order of the labels.
    """

    student: UntaughtConfig
    size: int
    schooling: Schooling


@dataclass(frozen=True)
class Choosing:
    """Settings of the choice of an increment.

    Args:
        increments: How classes are divided.
        number: Of the increment, counted from 1.
        omega: Weight of the teacher, see `measure_learnability`.
        autoencoder: How draws are decoded.
        image_size: To which side, in pixels.
        judging: Who judges them; None where there is one draw of each image.
    """

    increments: Increments
    number: int
    omega: float
    autoencoder: AutoencoderConfig
    image_size: int
    judging: Judging | None


@dataclass(frozen=True)
class Offered:
    """The draws of a class that an increment is chosen from.

    Args:
        label: Its own to student and teacher, whatever the order of the benchmark's classes.
        modes: How many the class has.
        rows: Of all draws of the class, one draw of all modes after the other.
        seconds: That the training of the student took, a class.
    """

    label: int
    modes: int
    rows: Sequence[Mapping[str, Any]]
    seconds: float = neutral()


@dataclass(frozen=True)
class Joined:
    """What is known of the images of all increments of a class.

    Args:
        rows: Of its images.
        metrics: What was measured while they were drawn.
        seconds: That drawing and choosing them took.
    """

    rows: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, float]
    seconds: float = neutral()


def train_students(batch: Mapping[str, Task], settings: Studying) -> dict[str, Made]:
    """Train a network on some increments of all classes; one that was interrupted goes on.

    Returns:
        Name -> its weights.

    Raises:
        DivergenceError: If the loss is not finite.

    Source: LGD (arXiv 2604.00519).
    """
    made, config = {}, settings.config
    for name, task in batch.items():
        learned: Learned = task.about
        parts = [kept["images"] for kept in task.inputs["increments"]]
        classes = [
            torch.cat(parts[start : start + learned.increments])
            for start in range(0, len(parts), learned.increments)
        ]
        data = LabelledSet.of_classes(
            [fit_images(images, settings.size, settings.size) for images in classes]
        )
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
        )
        checkpoint.remove()
        state = {key: value.cpu() for key, value in result.network.state_dict().items()}
        made[name] = Made(state, len(data.images), {"top1_of_its_images": result.top1_last})
    return made


def choose_increments(batch: Mapping[str, Task], settings: Choosing) -> dict[str, Made]:
    """Keep of each image of an increment the draw that the student has most to learn from.

    Returns:
        wnid -> `images` (P, 3, S, S), uint8, one for each of the first P modes.

    Raises:
        NotFiniteError: If pixels or losses are not finite.

    Source: LGD (arXiv 2604.00519).
    """
    increments, number = settings.increments, settings.number
    draws, made = increments.draws_of(number), {}
    for wnid, task in batch.items():
        offered: Offered = task.about
        places = increments.places(number, offered.modes)
        latents = task.inputs["groups"]["latents"][[*draws], :places]
        names = [
            f"draw {draw} for mode {mode} of class {wnid}"
            for draw in draws
            for mode in range(places)
        ]
        autoencoder = load_autoencoder(task.inputs["prior"], settings.autoencoder)
        flat = autoencoder.decode(latents.flatten(0, 1), settings.image_size, names)
        images = flat.unflatten(0, latents.shape[:2])
        chosen = torch.zeros(places, dtype=torch.int64)
        judged: list[dict[str, Any]] = [{}] * places
        if settings.judging is not None:
            with naming(f"class {wnid}"):
                chosen, judged = _judge(images, task, settings.judging, settings.omega)
        first = sum(increments.places(one, offered.modes) for one in range(1, number))
        told = {
            "ipc": increments.ipc,
            "increment_size": increments.size,
            "kappa": increments.kappa,
            "omega": settings.omega,
            "increment": number,
        }
        rows = tuple(
            {
                **offered.rows[draws[int(candidate)] * offered.modes + place],
                **told,
                "candidate": int(candidate),
                **judged[place],
                "image": f"{wnid}/{first + place}.png",
            }
            for place, candidate in enumerate(chosen)
        )
        kept = images[chosen, torch.arange(places)]
        made[wnid] = Made({"images": kept}, places, {}, rows, offered.seconds)
    return made


def join_increments(batch: Mapping[str, Task], settings: None) -> dict[str, Made]:
    """Put the increments of every class together, in order.

    Returns:
        wnid -> images (N, 3, S, S), uint8.
    """
    made = {}
    for wnid, task in batch.items():
        joined: Joined = task.about
        images = torch.cat([kept["images"] for kept in task.inputs["increments"]])
        rows = tuple(joined.rows)
        made[wnid] = Made(images, len(images), joined.metrics, rows, joined.seconds)
    return made


def _judge(
    images: torch.Tensor, task: Task, judging: Judging, omega: float
) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    """Return the draw that is kept of each image, and what student and teacher say of it.

    Args:
        images: (draws, P, 3, S, S), uint8.
        task: Has `student` and `teacher`.
        judging: Who they are.
        omega: Weight of the teacher.
    """
    pixels = images.flatten(0, 1).float() / 255
    judges = _student_at(task, judging), teacher_at(task.inputs["teacher"], judging.schooling)
    student, teacher = (
        judge.cross_entropy(pixels, task.about.label).unflatten(0, images.shape[:2])
        for judge in judges
    )
    scores = measure_learnability(student, teacher, omega)
    chosen = choose_learnable(scores)
    places = torch.arange(len(chosen))
    facts = {"student_loss": student, "teacher_loss": teacher, "learnability": scores}
    kept = {name: of_all[chosen, places].tolist() for name, of_all in facts.items()}
    return chosen, [
        {name: values[place] for name, values in kept.items()} for place in range(len(chosen))
    ]


def _student_at(task: Task, judging: Judging) -> Teacher:
    """Return the student, to be asked as the teacher is."""
    config, device = judging.student, resolve_device(judging.student.device)
    classes = len(judging.schooling.classes)
    with seeded_globals(torch.device("cpu"), config.seed):
        network = build_network(config.network, classes, judging.size)
    network.load_state_dict(task.inputs["student"])
    network.to(device).eval().requires_grad_(False)
    return Teacher(Passes(network, PRECISIONS["fp32"], device), judging.size)
