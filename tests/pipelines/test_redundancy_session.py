"""What networks know of images of a set that they were not trained on."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tiny_project import (
    evaluated,
    make_project,
    output,
    run,
    runs_of,
    save_teacher,
    times_of,
)

from mgd3_kedro.datasets.image_folder import read_images
from mgd3_kedro.evaluation import EvaluationConfig, LabelledSet, train_network
from mgd3_kedro.evaluation.passes import Passes

DIGITS = [str(digit) for digit in range(10)]
IPC, SIZE = 5, 2
PAIRS = [(trained, tested) for trained in (1, 2) for tested in (1, 2)]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Make a project in which two increments of a set were compared, by two networks."""
    project = make_project(tmp_path_factory.mktemp("redundancy"))
    run(project, "generate", ipc=IPC)
    compare(project, trainings={"networks": ["convnet1", "convnet2"]})
    return project


@pytest.fixture
def copied(compared, tmp_path):
    """Copy that project."""
    return Path(shutil.copytree(compared, tmp_path / "copied"))


def compare(project, **changes):
    run(project, "redundancy", **{"ipc": IPC, "redundancy": {"size": SIZE}, **changes})


def table_of(project, name=",redundancy.size=2,networks=convnet1+convnet2", **keys):
    folder = evaluated(project, "08_reporting", ipc=IPC, **keys)
    return pd.read_csv(folder.with_name(f"{folder.name}{name}") / "redundancy.csv")


def made_in(project):
    (folder,) = output(project, "07_model_output", ipc=IPC).glob("*/redundancy_trainings")
    return folder


def test_every_network_is_trained_on_each_increment_and_classifies_all(compared):
    table = table_of(compared)
    assert list(table) == ["network", "trained_on", "tested_on", "top1"]
    pairs = [*zip(table["trained_on"], table["tested_on"], strict=True)]
    assert pairs == PAIRS * 2
    assert table["network"].tolist() == ["convnet1"] * 4 + ["convnet2"] * 4
    assert table["top1"].between(0, 100).all()


def test_accuracies_are_those_of_the_evaluator(compared):
    folder = output(compared, "07_model_output", ipc=IPC) / "images"
    images = [read_images(folder / digit) for digit in DIGITS]
    parts = [
        LabelledSet.of_classes([of[start : start + SIZE] for of in images]) for start in (0, SIZE)
    ]
    left = (
        *("epochs", "image_size", "learning_rate", "momentum", "weight_decay", "batch_size"),
        *("cutmix", "crop_min_scale", "jitter_strength", "lighting_std", "factor"),
        *("temperature", "rand_augment_ops", "rand_augment_magnitude"),
    )
    config = EvaluationConfig(
        protocol="hard",
        preset="smoke",
        presets={"smoke": 0.001},
        flip_probability=0.0,
        validations=1,
        precision="fp32",
        compile=False,
        device="cpu",
        threads=1,
        **dict.fromkeys(left),
    )
    expected = []
    for part in parts:
        result = train_network(part, part, network="convnet1", ipc=SIZE, config=config, seed=0)
        passes = Passes(result.network, config.number_format, torch.device("cpu"))
        for other in parts:
            right = passes.classify(other.images).argmax(1) == other.labels
            expected.append(100 * float(right.double().mean()))
    table = table_of(compared)
    found = table[table["network"] == "convnet1"]["top1"].tolist()
    assert found == pytest.approx(expected)
    assert len({*found}) > 1


def test_the_mean_on_other_increments_is_tracked(compared):
    table = table_of(compared)
    tracked = runs_of(compared)[0].data.metrics
    for network in ("convnet1", "convnet2"):
        rows = table[table["network"] == network]
        own = rows["trained_on"] == rows["tested_on"]
        mean = tracked[f"redundancy/{network}/top1_of_others"]
        assert mean == pytest.approx(rows[~own]["top1"].mean())
        assert tracked[f"redundancy/{network}/top1_of_own"] == pytest.approx(
            rows[own]["top1"].mean()
        )


def test_a_second_run_trains_nothing_and_fewer_networks_leave_the_others(copied):
    before = times_of(made_in(copied))
    compare(copied, trainings={"networks": ["convnet1", "convnet2"]})
    assert times_of(made_in(copied)) == before
    compare(copied)
    assert times_of(made_in(copied)) == before
    assert table_of(copied, ",redundancy.size=2")["network"].tolist() == ["convnet1"] * 4


def test_increments_are_compared_by_what_a_teacher_says_too(copied, tmp_path):
    folder = save_teacher(tmp_path / "teacher", "convnet1", DIGITS)
    changes = {"evaluation": {"epochs": 2, "batch_size": 8}, "teacher": str(folder)}
    for protocol in ("soft", "soft_stored"):
        compare(copied, protocol=protocol, **changes)
        (table,) = output(copied, "08_reporting", ipc=IPC).glob(f"{protocol}-smoke*/redundancy.csv")
        assert len(pd.read_csv(table)) == 4


def test_real_images_that_are_kept_are_compared_as_networks_see_them(copied):
    run(copied, "generate", ipc=4, method="random")
    compare(copied, ipc=4, method="random")
    (table,) = output(copied, "08_reporting", "random", ipc=4).glob("*/redundancy.csv")
    assert len(pd.read_csv(table)) == 4


def test_images_of_others_are_compared(copied, tmp_path):
    generator = np.random.default_rng(0)
    for digit in DIGITS:
        folder = tmp_path / "theirs" / digit
        folder.mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    compare(copied, images=str(tmp_path / "theirs"), method="theirs", ipc=4)
    (table,) = output(copied, "08_reporting", "theirs", ipc=4).parent.parent.rglob("redundancy.csv")
    found = pd.read_csv(table)
    assert len(found) == 4
    assert found[found["trained_on"] != found["tested_on"]]["top1"].max() < 60


@pytest.mark.parametrize("size", [3, 10])
def test_fewer_than_two_increments_are_refused_in_a_line(copied, size):
    message = (
        f"^redundancy.size: expected at most half of the images of each class \\(class 0 has 5\\), "
        f"got {size}; lower redundancy.size, or make more images with ipc$"
    )
    with pytest.raises(ValueError, match=message):
        compare(copied, redundancy={"size": size})


def test_it_is_no_part_of_a_run(copied):
    run(copied, "distill", ipc=IPC)
    assert not [*output(copied, "08_reporting", ipc=IPC).glob("hard-smoke/redundancy*")]
