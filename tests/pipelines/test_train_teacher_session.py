"""Teachers, what is learned from them, and trainings that are interrupted or diverge."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_project import (
    IPC,
    environment,
    evaluated,
    make_project,
    output,
    run,
    runs_of,
    times_of,
)

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.evaluation.progress import ProgressLog
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.records import ModelFolder

TEACHER = Path("data/06_models/teachers/mnist-test")
TEACHING = {"network": "convnet1", "epochs": 4, "validations": 2}
SOFT = {"epochs": 4, "batch_size": 8, "validations": 2}
FULL = Path("data/08_reporting/mnist/test/dit/full/seed0/hard-smoke")


def rows_of(folder):
    return pd.read_csv(folder / "result_rows.csv")


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Make a project that has a teacher."""
    project = make_project(tmp_path_factory.mktemp("taught"))
    with environment(project, "mnist", teacher_training=TEACHING):
        run(project, "train_teacher")
        yield project


@pytest.fixture(scope="module")
def learned(taught):
    """Have that project distil, and two networks learn from what the teacher said before."""
    trainings = {"networks": ["convnet1", "convnet2"], "repeats": 2}
    with environment(taught, "mnist", evaluation=SOFT, trainings=trainings):
        run(taught, "distill", protocol="soft_stored")
        yield taught


def test_a_teacher_is_a_folder_of_weights_with_facts_and_a_learning_curve(taught):
    config = json.loads((taught / TEACHER / "config.json").read_text())
    assert (config["network"], config["image_size"]) == ("convnet1", 32)
    assert config["wnids"] == [str(digit) for digit in range(10)]
    assert config["training"]["epochs"] == 4
    reports = taught / "data/08_reporting/mnist/test/teacher"
    metrics = json.loads((reports / "teacher_metrics.json").read_text())
    curve = pd.read_csv(reports / "teacher_curve.csv")
    assert curve["epoch"].tolist() == [2, 4]
    assert metrics["top1_last"] == curve["top1"].iloc[-1] == config["training"]["top1_last"]
    (newest, *_) = runs_of(taught)
    assert newest.info.status == "FINISHED"


def test_stored_labels_are_those_of_the_teacher_for_every_image_and_epoch(learned):
    folder = learned / evaluated(learned, "05_model_input", protocol="soft_stored") / "soft_labels"
    stored = {}
    for path in folder.glob("*.safetensors"):
        stored |= load_file(path)
    assert sorted(map(int, stored)) == [1, 2, 3, 4]
    for logits in stored.values():
        assert logits.shape == (10 * IPC, 10)
        assert logits.dtype == torch.float16
    assert not torch.equal(stored["1"], stored["2"])


def test_labels_are_made_once_for_all_networks_and_trainings_stay_when_the_rate_changes(learned):
    rows = rows_of(evaluated(learned, "08_reporting", protocol="soft_stored"))
    assert rows["network"].tolist() == ["convnet1"] * 2 + ["convnet2"] * 2
    assert (rows["protocol"] == "soft_stored").all()
    assert (rows["preset"] == "4 epochs").all()
    labels = evaluated(learned, "05_model_input", protocol="soft_stored") / "soft_labels"
    trainings = evaluated(learned, "07_model_output", protocol="soft_stored") / "trainings"
    before = times_of(labels), times_of(trainings)
    run(learned, "train_eval", protocol="soft_stored")
    assert (times_of(labels), times_of(trainings)) == before
    run(learned, "train_eval", protocol="soft_stored", evaluation={"learning_rate": 0.01})
    assert (times_of(labels), times_of(trainings)) == before
    other = trainings.parent.with_name("soft_stored-smoke,learning_rate=0.01") / "trainings"
    assert times_of(other).keys() == before[1].keys()


def test_a_teacher_may_be_asked_while_a_network_is_trained_instead(learned):
    images = str(output(learned, "07_model_output") / "images")
    run(learned, "train_eval", images=images, method="asked", protocol="soft")
    folder = output(learned, "08_reporting", "asked")
    (rows,) = map(rows_of, folder.glob("soft-smoke,images=images~*"))
    assert (rows["protocol"] == "soft").all()
    assert (rows["outcome"] == "finished").all()


def test_the_teacher_that_was_trained_knows_the_classes_in_any_order(taught):
    described = taught / "data/08_reporting/mnist/test/benchmark.json"
    if not described.exists():
        run(taught, "encode")
    classes = Benchmark.from_dict(
        {
            key: value if key != "classes" else [strip(spec) for spec in value]
            for key, value in json.loads(described.read_text()).items()
        }
    ).classes
    folder = ModelFolder(taught / TEACHER, "0", "classifier")
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        forwards = load_teacher(folder, classes, 32)(images)
        backwards = load_teacher(folder, classes[::-1], 32)(images)
    assert torch.equal(forwards.flip(1), backwards)


def strip(spec):
    return {key: spec[key] for key in ("label", "wnid", "class_index", "class_name")}


def test_networks_trained_on_all_real_images_are_rows_of_their_own_and_know_digits(copied):
    kept = times_of(copied / "data/03_primary")
    before = rows_of(evaluated(copied, "08_reporting"))
    with environment(copied, "mnist", evaluation={"epochs": 10, "cutmix": False}):
        run(copied, "train_full")
    rows = rows_of(copied / FULL)
    # One of ten by chance.
    assert (rows["top1_last"] > 25).all()
    assert rows["method"].tolist() == ["full", "full"]
    assert rows["ipc"].tolist() == [16, 16]
    assert rows["image_steps"].tolist() == [160 * epochs for epochs in rows["epochs"]]
    assert (copied / FULL / "train_eval_metrics.json").exists()
    assert (copied / FULL / "training_curves.png").exists()
    assert times_of(copied / "data/03_primary") == kept
    assert rows_of(evaluated(copied, "08_reporting")).equals(before)


def test_test_images_are_decoded_once_for_all_runs_and_methods(copied):
    folder = copied / "data/03_primary/mnist/test/test_images-hard"
    kept = times_of(folder)
    assert len(kept) == 10
    run(copied, "train_eval")
    run(copied, "distill", method="random")
    assert times_of(folder) == kept
    run(copied, "train_eval", evaluation={"image_size": 16})
    assert times_of(folder) == kept
    smaller = folder.with_name("test_images-hard,evaluation.image_size=16")
    sizes = {load_file(path)["images"].shape for path in smaller.glob("*.safetensors")}
    assert sizes == {(5, 3, 16, 16)}
    assert (beside(copied, "evaluation.image_size=16")["image_size"] == 16).all()


def beside(project, words, method="mgd3"):
    """Return the rows of trainings that differ by these words."""
    folder = evaluated(project, "08_reporting", method)
    (found,) = folder.parent.glob(f"{folder.name},{words}")
    return rows_of(found)


def write_images(folder, width, height):
    generator = np.random.default_rng(0)
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
        for number in range(IPC):
            pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / str(digit) / f"{number}.png")
    return folder


@pytest.mark.parametrize("side", [40, 24])
def test_images_of_another_size_are_evaluated_and_analysed_at_that_of_the_benchmark(
    side, copied, tmp_path
):
    theirs = write_images(tmp_path / "theirs", side, side)
    run(copied, "evaluate", images=str(theirs), method="theirs")
    rows = beside(copied, "images=theirs~*", "theirs")
    assert rows["image_size"].tolist() == [32, 32]
    assert (rows["outcome"] == "finished").all()
    folder = output(copied, "08_reporting", "theirs")
    (scores,) = map(pd.read_csv, folder.parent.glob("seed0,images=theirs~*/diversity_scores.csv"))
    assert (scores["diversity"] > 0).all()
    assert len(scores) == 10


def test_images_that_are_no_squares_are_refused(copied, tmp_path):
    theirs = write_images(tmp_path / "theirs", 32, 40)
    with pytest.raises(
        ValueError, match=r"expected squares of one size, .* got 40 x 32 in class 0"
    ):
        run(copied, "evaluate", images=str(theirs), method="theirs")
    assert not output(copied, "08_reporting", "theirs").exists()


def test_trainings_that_diverge_fail_the_run_and_leave_their_rows(copied):
    with pytest.raises(FloatingPointError, match="2 of 2 trainings did not finish") as error:
        run(copied, "train_eval", evaluation={"learning_rate": 1e30, "epochs": 6})
    assert str(error.value).count("diverged: convnet1: expected a finite loss") == 2
    rows = beside(copied, "epochs=6,learning_rate=*")
    assert len(rows) == 2
    assert rows[["top1_last", "top1_best"]].isna().all(axis=None)
    assert rows["outcome"].str.startswith("diverged: convnet1").all()
    (newest, *_) = runs_of(copied)
    assert newest.info.status == "FAILED"


# A state is written after every epoch, which is otherwise done once a minute.
KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tiny_project import run
from mgd3_kedro.checkpoint import Checkpoint
Checkpoint.due = True
run(Path(sys.argv[2]), "train_eval", evaluation={"epochs": 30, "validations": 30})
"""


@pytest.mark.slow
def test_an_evaluation_that_was_killed_goes_on_where_it_was(copied, monkeypatch):
    usual = evaluated(copied, "07_model_output")
    folder = usual.with_name(f"{usual.name},epochs=30,validations=30")
    (finished, interrupted) = ("convnet1-0", "convnet1-1")
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parents[1]), str(copied)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    state = folder / f"checkpoints/{interrupted}.ckpt"
    while process.poll() is None and not state.exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    printed, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, printed
    done = torch.load(state, weights_only=True)["epoch"]
    assert 1 <= done < 30
    kept = times_of(folder / "trainings")[f"{finished}.json"]
    heard = []
    monkeypatch.setattr(
        ProgressLog, "__call__", lambda self, *told: heard.append((self.name, told[0]))
    )
    run(copied, "train_eval", evaluation={"epochs": 30, "validations": 30})
    assert heard == [(interrupted, epoch) for epoch in range(done + 1, 31)]
    assert times_of(folder / "trainings")[f"{finished}.json"] == kept
    assert not state.exists()
    curve = json.loads((folder / f"trainings/{interrupted}.json").read_text())["curve"]
    assert [row["epoch"] for row in curve] == list(range(1, 31))
    assert (beside(copied, "epochs=30,validations=30")["epochs"] == 30).all()
