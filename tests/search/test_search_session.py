"""`kedro best` in a small project: candidates that cannot be tried, a winner, and going on."""

import re
from contextlib import chdir

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from PIL import Image
from tiny_project import IPC, PRIOR, make_project

from mgd3_kedro.cli import cli
from mgd3_kedro.search import halving
from mgd3_kedro.search.candidates import read_candidates
from mgd3_kedro.search.trials import Budget, Trials
from mgd3_kedro.sweep.command import open_project
from mgd3_kedro.sweep.parts import as_text

TRIED = """
candidates:
  - {method: rded}
  - {method: rded, methods.rded.candidates: 20}
  - {method: random}
  - {method: mgd3}
trials: {split: holdout, trainings.repeats: 1}
"""


def best(project, *options):
    bootstrap_project(project)
    with chdir(project):
        return CliRunner().invoke(cli, ["best", *options])


def folder_of(project):
    """Return the folder of the one search that came to its end."""
    (told,) = (project / "data/08_reporting/mnist/sweeps").glob(f"best-ipc{IPC}-*/best.md")
    return told.parent


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Search once, then again, and then without time, with two data sets for each candidate."""
    project = make_project(tmp_path_factory.mktemp("searched"))
    (project / "conf/base/best.yml").write_text(TRIED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(halving, "MOST_DATA_SETS", 2)
        return project, best(project), best(project), best(project, "--minutes", "0.001")


def test_a_winner_is_found_and_distils_all_train_images(searched):
    project, result, *_ = searched
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{folder_of(project).name}: 4 candidates; logs in ")
    assert lines[1].startswith("not possible: rded, rded candidates=20: expected model weights ")
    assert lines[2] == "data set 1: 2 candidates"
    table = pd.read_csv(folder_of(project) / "tried.csv")
    winner = table["candidate"][0]
    assert table["data_sets"].tolist() == [2, 2, 0, 0]
    assert table["accuracy"][0] >= table["accuracy"][1]
    folder = project / f"data/07_model_output/mnist/test/dit/ipc{IPC}/{winner}/seed0/images"
    assert len(list(folder.rglob("*.png"))) == 10 * IPC
    assert lines[-2].endswith(folder.relative_to(project).as_posix())
    assert lines[-1].startswith("to evaluate them on test images: kedro run --env=mnist")
    assert "--pipelines=distill" in lines[-1]
    rounds = [line for line in lines if line.startswith("best on held-out images, ")]
    told = [line.partition(":")[0].rpartition(", ")[2] for line in rounds]
    assert told == ["1 data set", "2 data sets"]


def test_no_test_image_is_read(searched):
    held_out = searched[0] / "data/08_reporting/mnist"
    splits = {path.relative_to(held_out).parts[0] for path in held_out.rglob("result_rows.csv")}
    assert splits == {"holdout"}


def test_what_was_tried_is_written_in_words(searched):
    text = (folder_of(searched[0]) / "best.md").read_text()
    assert "The difference between these two is not significant" in text
    assert re.search(r"The best of \d+ was chosen on these images", text)
    assert "It is not decided whether the model is worth it" in text
    assert "| rded | 0 | expected model weights in " in text


def test_the_same_command_again_tries_nothing_twice(searched):
    _, first, *others = searched
    told = [line.split(" to ")[0] for line in first.stdout.splitlines()[-7:-2]]
    for result in others:
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert not [line for line in lines if line.startswith("data set")]
        assert [line.split(" to ")[0] for line in lines[-7:-2]] == told


def test_test_images_are_looked_for_once_whatever_the_number_of_candidates(tmp_path, caplog):
    project = make_project(tmp_path)
    noise = torch.Generator().manual_seed(0)
    for name in ("ant", "bee"):
        for number in range(5):
            pixels = torch.randint(0, 256, (32, 32, 3), generator=noise, dtype=torch.uint8)
            for split in ("train", "val")[: 2 if number == 4 else 1]:
                path = project / "images" / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.numpy()).save(path)
    asked_for = {"data": "images", "image_size": 32, "model": PRIOR.as_posix()}
    given = {key: as_text(value) for key, value in asked_for.items()}
    asked = {"candidates": [{"method": "random"}, {"method": "kmeans_closest"}]}
    bootstrap_project(project)
    with chdir(project):
        _, loader = open_project("custom")
        candidates, shared = read_candidates(asked, given)
        trials = Trials(loader, candidates, shared, "best", Budget(60.0, 1), print)
        with caplog.at_level("WARNING", "mgd3_kedro"):
            trials.check()
    assert list(trials.points) == ["random", "kmeans_closest"]
    assert caplog.text.count("2 train images are also test images") == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--minutes", "0"], "minutes: expected a number"),
        (["--jobs", "0"], "jobs: expected a number"),
        (["--params", "method=rded"], "got none; rded: expected model weights"),
        (
            ["--params", "method=mgd4"],
            "a candidate in conf/*/best.yml that agrees with method=mgd4",
        ),
        (["--params", "ipk=3"], "ipk"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options, told, searched):
    result = best(searched[0], *options)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert told in line
