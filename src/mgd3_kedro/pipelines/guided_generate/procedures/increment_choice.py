"""Choice of the most learnable images of an increment, and concatenation of all increments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.checks import naming
from mgd3_kedro.evaluation import HardLabelConfig
from mgd3_kedro.pipelines.guided_generate.procedures.increments import Increments
from mgd3_kedro.pipelines.guided_generate.procedures.settings import TeacherInput
from mgd3_kedro.pipelines.guided_generate.procedures.students import student_at
from mgd3_kedro.pipelines.guided_generate.procedures.teaching import teacher_at
from mgd3_kedro.sampling import choose_learnable, measure_learnability
from mgd3_kedro.stages import Made, Task, neutral


@dataclass(frozen=True)
class IncrementChoiceSettings:
    """Settings of the student and the teacher that score candidates.

    Args:
        student: Configuration of the student's training.
        size: Side of the student's input, in pixels.
        schooling: Settings of the teacher; its classes are in the order of the labels.
    """

    student: HardLabelConfig
    size: int
    schooling: TeacherInput


@dataclass(frozen=True)
class Choosing:
    """Settings of the choice of an increment.

    Args:
        increments: Division of the images of a class into increments.
        number: Number of the increment, counted from 1.
        omega: Weight of the teacher, see `measure_learnability`.
        autoencoder: Configuration of the autoencoder.
        image_size: Side of the decoded images, in pixels.
        judging: Settings of student and teacher; None for the first increment, which has one
            candidate per image.
    """

    increments: Increments
    number: int
    omega: float
    autoencoder: AutoencoderConfig
    image_size: int
    judging: IncrementChoiceSettings | None


@dataclass(frozen=True)
class IncrementCandidates:
    """The candidates of a class for an increment.

    Args:
        label: Label of the class for student and teacher, which sort the classes by wnid.
        modes: Number of modes of the class.
        rows: Provenance of all candidates of the class, group by group.
        seconds: Time of the student's training, divided by the number of classes.
    """

    label: int
    modes: int
    rows: Sequence[Mapping[str, Any]]
    seconds: float = neutral()


@dataclass(frozen=True)
class JoinedIncrements:
    """Facts about the images of all increments of a class.

    Args:
        rows: Provenance of the images, one row per image.
        metrics: Measurements of the sampling.
        seconds: Time of sampling and choice.
    """

    rows: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, float]
    seconds: float = neutral()


def choose_increments(batch: Mapping[str, Task], settings: Choosing) -> dict[str, Made]:
    """Choose, for each image of an increment, the candidate with the highest learnability.

    Returns:
        wnid -> `images` (P, 3, S, S), uint8, one for each of the first P modes.

    Raises:
        NotFiniteError: If pixels or losses are not finite.

    Source: LGD (arXiv 2604.00519).
    """
    increments, number = settings.increments, settings.number
    draws, made = increments.draws_of(number), {}
    for wnid, task in batch.items():
        offered: IncrementCandidates = task.about
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
    """Concatenate the increments of every class, in order.

    Returns:
        wnid -> images (N, 3, S, S), uint8.
    """
    made = {}
    for wnid, task in batch.items():
        joined: JoinedIncrements = task.about
        images = torch.cat([kept["images"] for kept in task.inputs["increments"]])
        rows = tuple(joined.rows)
        made[wnid] = Made(images, len(images), joined.metrics, rows, joined.seconds)
    return made


def _judge(
    images: torch.Tensor, task: Task, judging: IncrementChoiceSettings, omega: float
) -> tuple[torch.Tensor, list[dict[str, Any]]]:
    """Return the chosen candidate of each image, and its losses and learnability.

    Args:
        images: (candidates, P, 3, S, S), uint8.
        task: Task with `student` and `teacher`.
        judging: Settings of student and teacher.
        omega: Weight of the teacher.

    Returns:
        Number of the chosen candidate, (P,), int64; `student_loss`, `teacher_loss` and
        `learnability` of each image.
    """
    pixels = images.flatten(0, 1).float() / 255
    schooling, state = judging.schooling, task.inputs["student"]
    judges = (
        student_at(state, judging.student, judging.size, len(schooling.classes)),
        teacher_at(task.inputs["teacher"], schooling),
    )
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
