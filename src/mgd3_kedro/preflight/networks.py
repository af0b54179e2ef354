"""Checks of the networks that are trained, and of their teachers."""

from __future__ import annotations

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.evaluation.settings import EVALUATION, EvaluationConfig
from mgd3_kedro.pipelines.train_eval.nodes import images_per_class
from mgd3_kedro.pipelines.train_eval.redundancy import count_increments
from mgd3_kedro.pipelines.train_eval.weighting import weigh_images
from mgd3_kedro.preflight.inputs import Inputs
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.stages import Partition, small_images_per_image

TRAINED_ON = {"evaluated_images": "evaluated_images", "params:upper_bound": "train_images"}
"""Input of a run -> images that its networks are trained on. Without such an input, they are
trained on images that the run makes."""


def check_trainings(inputs: Inputs) -> None:
    """Refuse networks that do not fit the images, and a protocol with a missing setting.

    Raises:
        ValueError: If something does not fit; the message names the network or the setting.
    """
    config, count = inputs["params:evaluation"], len(inputs["benchmark"].classes)
    given: list[Partition] = next(
        ([*inputs[name].values()] for sign, name in TRAINED_ON.items() if sign in inputs), []
    )
    weigh_images(given, inputs["params:trainings"].mode_weight_exponent)
    ipc = images_per_class(given) if given else inputs["params:ipc"]
    size = inputs["benchmark"].image_size
    for network in inputs["params:trainings"].networks:
        plan = config.plan(ipc, count, network)
        # Given images may have another size, and are cut without resizing.
        if config.recipe.fitted or not given:
            _check_patches(plan.factor, config.side_of(size) if config.recipe.fitted else size)
        _check_network(inputs["benchmark"], config, network)


def check_increments(inputs: Inputs) -> None:
    """Refuse images that give fewer than two increments.

    Raises:
        ValueError: If there are fewer; the message says what to do.
    """
    images = inputs["evaluated_images"]
    small_images = small_images_per_image([*images.values()])
    count_increments(images, inputs["params:redundancy"].size, small_images)


def _check_patches(factor: int, side: int) -> None:
    """Refuse a factor that cuts images into patches of unequal size, before images are made."""
    if side % factor:
        raise ValueError(
            f"evaluation.factor: expected a divisor of {side}, the side of the images, for patches "
            f"of equal size, got {factor}"
        )


def check_network(inputs: Inputs, name: str) -> None:
    """Refuse a network or a setting for a teacher or a student that does not fit.

    Raises:
        ValueError: If one does not fit; the message names it.
    """
    config, benchmark, group = inputs[name], inputs["benchmark"], name.removeprefix("params:")
    # Of a protocol that needs no teacher, only the epochs depend on the images per class.
    config.plan(1, len(benchmark.classes), config.network, group=group)
    _check_network(benchmark, config, config.network, group)


def _check_network(
    benchmark: Benchmark, config: EvaluationConfig, network: str, group: str = EVALUATION
) -> None:
    import torch

    from mgd3_kedro.evaluation import build_network

    if len(benchmark.classes) == 1:
        name = benchmark.classes[0].wnid
        raise ValueError(
            f"{benchmark.name}: expected at least two classes for a network to tell apart, got "
            f"one, {name}; if the folders in {name} are the classes, move them one folder up"
        )
    size = config.side_of(benchmark.image_size, group)
    with torch.device("meta"):
        build_network(network, len(benchmark.classes), size)


def check_teacher(inputs: Inputs) -> None:
    """Refuse a teacher that is missing, broken, or trained on other classes."""
    from mgd3_kedro.evaluation.teacher import load_teacher

    config, benchmark = inputs["params:evaluation"], inputs["benchmark"]
    size = config.side_of(benchmark.image_size)
    load_teacher(matched_teacher(inputs), benchmark.classes, size)


def matched_teacher(inputs: Inputs) -> ModelFolder:
    """Return the teacher, after checking that its classes can be matched to the benchmark's.

    Raises:
        ValueError: If it knows classes by number, and these cannot be matched to the benchmark's.
    """
    from mgd3_kedro.evaluation.teacher import count_numbered

    teacher: ModelFolder = inputs["teacher"].load()
    inputs["benchmark"].check_numbers(str(teacher.path), count_numbered(teacher.path))
    return teacher
