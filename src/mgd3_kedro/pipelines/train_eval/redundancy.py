"""Redundancy of a set: accuracy of networks on increments that they were not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.checks import check_count, lookup
from mgd3_kedro.evaluation import NETWORKS, EvaluationConfig
from mgd3_kedro.pipelines.train_eval.fitting import fit_of
from mgd3_kedro.pipelines.train_eval.increments import (
    Division,
    IncrementTraining,
    run_on_increments,
)
from mgd3_kedro.pipelines.train_eval.originals import given_images
from mgd3_kedro.pipelines.train_eval.trainings import TrainingSubject
from mgd3_kedro.pipelines.train_eval.weighting import weigh_images
from mgd3_kedro.stages import GIVEN, Partition, Stage, Task, small_images_per_image

if TYPE_CHECKING:
    import pandas as pd

LEAST_INCREMENTS = 2
"""Smallest number of increments; a comparison needs two."""


@dataclass(frozen=True)
class RedundancyConfig:
    """Division of a set into increments.

    Args:
        size: Images per class in an increment; images of an incomplete increment are ignored.

    Raises:
        ValueError: If the size is not a positive whole number.
    """

    size: int

    def __post_init__(self) -> None:
        check_count("size", self.size)


def train_on_increments(
    benchmark: Benchmark,
    evaluated_images: Mapping[str, Partition],
    training_checkpoints: Path,
    config: EvaluationConfig,
    networks: Sequence[str],
    mode_weight_exponent: float,
    redundancy: RedundancyConfig,
    seed: int,
    teacher: Partition | None = None,
    train_images: Mapping[str, Partition] | None = None,
) -> Stage:
    """Plan a training of every network on every increment of a set.

    Args:
        benchmark: The classes.
        evaluated_images: wnid -> images (ipc, 3, H, H), uint8.
        training_checkpoints: Folder of checkpoints, for interrupted trainings.
        config: Configuration of a training, with the protocol.
        networks: Names of `NETWORKS`.
        mode_weight_exponent: The weight of an image is the size of its mode to this power.
        redundancy: Division of the set.
        seed: Seed of the images, and of all trainings.
        teacher: A trained network, for protocols with a teacher or stored labels.
        train_images: wnid -> images (N, 3, H, H), uint8, if the images to train on are some of
            them; else None.

    Returns:
        Training -> its top-1 accuracy on each increment, percent.

    Raises:
        ValueError: If there are too few images, or a network is unknown.

    Source: LGD (arXiv 2604.00519), its comparison of increments.
    """
    fit = fit_of(config, benchmark.image_size)
    given = given_images(evaluated_images, train_images, fit.resize, benchmark.image_size)
    images = tuple(given[wnid] for wnid in benchmark.wnids)
    small_images = small_images_per_image(images)
    files = redundancy.size * small_images
    count = count_increments({w: given[w] for w in benchmark.wnids}, redundancy.size, small_images)
    weights = weigh_images(images, mode_weight_exponent)
    taught = {} if teacher is None else {"teacher": teacher}
    taught_by = tuple(partition.fingerprint for partition in taught.values())
    tasks = {}
    for network in networks:
        lookup(NETWORKS, network, "network")
        config.plan(redundancy.size, len(images), network, small_images)
        subject = TrainingSubject(
            *(network, redundancy.size, seed, seed),
            *(benchmark.classes, taught_by, weights, small_images),
        )
        for number in range(count):
            learner = IncrementTraining(number, subject)
            tasks[f"{network}-{number + 1}"] = Task({"images": images, **taught}, learner)
    # One validation, after the last epoch: no one uses the learning curves.
    division = Division(
        replace(config, validations=1),
        fit,
        files,
        "teacher" if taught else "given",
        str(training_checkpoints),
    )
    return Stage(run_on_increments, tasks, division)


def count_increments(images: Mapping[str, Partition], size: int, small_images: int = 1) -> int:
    """Return the number of complete increments that every class has.

    Args:
        images: wnid -> images.
        size: Images per class in an increment.
        small_images: Number of small images that replace each image.

    Raises:
        ValueError: If the number is smaller than `LEAST_INCREMENTS`.
    """
    wnid = min(images, key=lambda name: images[name].count)
    found = images[wnid].count // small_images
    if (count := found // size) < LEAST_INCREMENTS:
        more = "" if images[wnid].configuration == GIVEN else ", or make more images with ipc"
        raise ValueError(
            f"redundancy.size: expected at most half of the images of each class (class {wnid} "
            f"has {found}), got {size}; lower redundancy.size{more}"
        )
    return count


def tabulate_redundancy(redundancy_trainings: Mapping[str, Partition]) -> pd.DataFrame:
    """Return a table of accuracies on all increments.

    Returns:
        One row per network, increment for training and increment for test: `network`,
        `trained_on`, `tested_on` and `top1`, percent.
    """
    import pandas as pd

    values = [partition.load() for partition in redundancy_trainings.values()]
    return pd.DataFrame(
        {
            "network": value["network"],
            "trained_on": value["increment"],
            "tested_on": number,
            "top1": top1,
        }
        for value in values
        for number, top1 in enumerate(value["top1"], 1)
    )


def measure_redundancy(redundancy: pd.DataFrame) -> dict[str, float]:
    """Return each network's mean accuracy on other increments and on its own, percent.

    A higher accuracy on other increments means that an increment adds less to another one.

    Source: LGD (arXiv 2604.00519), its comparison of increments.
    """
    own = redundancy["trained_on"] == redundancy["tested_on"]
    return {
        f"{network}/top1_of_{name}": float(rows["top1"].mean())
        for name, chosen in (("others", ~own), ("own", own))
        for network, rows in redundancy[chosen].groupby("network", sort=False)
    }
