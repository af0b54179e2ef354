"""Increments of images, each chosen by a student of those before: drawn, learned from, once."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny_project import PRIOR, images_of, make_project, merged, output, run, save_teacher, times_of

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.datasets.image_folder import read_images
from mgd3_kedro.evaluation import build_network
from mgd3_kedro.records import ModelFolder

DIGITS = [str(digit) for digit in range(10)]
SIZE, KAPPA = 2, 3
OWN = {"increment_size": SIZE, "kappa": KAPPA}


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """Make a project with sets of one, two, and two and a half increments, and plain images."""
    project = make_project(tmp_path_factory.mktemp("increments"))
    path = project / "conf/mnist/parameters.yml"
    folder = save_teacher(project / "teacher", "convnet1", DIGITS)
    own = {"methods": {"lgd": OWN}, "teacher": str(folder)}
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), own)))
    for ipc in (2, 4, 5):
        run(project, "generate", method="lgd", ipc=ipc)
    run(project, "generate", ipc=2)
    return project


@pytest.fixture
def copied(chosen, tmp_path):
    """Copy that project."""
    return Path(shutil.copytree(chosen, tmp_path / "copied"))


def rows_of(project, ipc, method="lgd"):
    path = output(project, "07_model_output", method, ipc=ipc) / "provenance.csv"
    return pd.read_csv(path, dtype={"wnid": str})


def first_of(images, count):
    """Return the first images of every class."""
    return {name: data for name, data in images.items() if int(Path(name).stem) < count}


def made_of(project, ipc, method="lgd"):
    """Return when each file of increments, students and draws was written."""
    return times_of(output(project, "04_feature", method, ipc=ipc))


def written(before, after):
    """Return the names of files that were written in between, but for what is written of them."""
    return {
        name for name, time in after.items() if before.get(name) != time and ".manifest" not in name
    }


def test_one_increment_is_the_plain_method_and_nothing_is_trained(chosen):
    assert images_of(chosen, "lgd", ipc=2) == images_of(chosen, "mgd3", ipc=2)
    assert not output(chosen, "04_feature", "lgd", ipc=2).exists()


def test_sets_are_nested_to_the_byte(chosen):
    two, four, five = (images_of(chosen, "lgd", ipc=ipc) for ipc in (2, 4, 5))
    assert (len(two), len(four), len(five)) == (20, 40, 50)
    assert first_of(four, 2) == two
    assert first_of(five, 4) == four
    assert len({*five.values()}) == 50


def test_every_increment_has_the_modes_of_the_plain_method(chosen):
    modes = chosen / "data/04_feature/mnist/test/dit"
    plain = load_file(modes / "ipc2/seed0/modes/3.safetensors")["modes"]
    own = load_file(modes / "ipc5/seed0/modes,modes.ipc=2/3.safetensors")["modes"]
    assert torch.equal(plain, own)
    rows = rows_of(chosen, 5)
    assert rows["mode"].tolist() == [0, 1, 0, 1, 0] * 10


def test_rows_tell_the_increment_and_what_was_said_of_the_image(chosen):
    rows = rows_of(chosen, 5)
    assert rows["image"].tolist() == [f"{d}/{i}.png" for d in DIGITS for i in range(5)]
    assert rows["increment"].tolist() == [1, 1, 2, 2, 3] * 10
    assert (rows["ipc"] == 5).all()
    told = {"increment_size": SIZE, "kappa": KAPPA, "omega": 1}
    assert all((rows[name] == value).all() for name, value in told.items())
    first, later = rows[rows["increment"] == 1], rows[rows["increment"] > 1]
    assert first["learnability"].isna().all()
    difference = later["student_loss"] - later["teacher_loss"]
    assert later["learnability"].tolist() == pytest.approx(difference.tolist(), abs=1e-6)
    assert {*later["candidate"]} == {*range(KAPPA)}
    draws = 1 + (later["increment"] - 2) * KAPPA + later["candidate"]
    assert later["group"].tolist() == draws.tolist()


def test_the_draw_that_is_kept_is_the_one_that_student_and_teacher_differ_most_about(chosen):
    folder = output(chosen, "04_feature", "lgd", ipc=5)
    student, teacher = (build_network("convnet1", 10, 32).eval() for _ in range(2))
    student.load_state_dict(load_file(folder / "student_3/student.safetensors"))
    teacher.load_state_dict(load_file(chosen / "teacher/model.safetensors"))
    model = ModelFolder(chosen / PRIOR, "0", "dit")
    autoencoder = load_autoencoder(model, AutoencoderConfig("fp32", False, "cpu"))
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    rows = rows_of(chosen, 5).set_index("image")
    for digit in DIGITS:
        latents = load_file(folder / f"drawn_groups/{digit}.safetensors")["latents"]
        assert latents.shape[:2] == (1 + 2 * KAPPA, SIZE)
        draws = autoencoder.decode(latents[1 + KAPPA :, 0], 32)
        with torch.no_grad():
            inputs = (draws / 255 - mean) / std
            losses = [
                -network(inputs).log_softmax(1)[:, int(digit)] for network in (student, teacher)
            ]
        scores = losses[0] - losses[1]
        row = rows.loc[f"{digit}/4.png"]
        assert row["candidate"] == int(scores.argmax())
        assert row["learnability"] == pytest.approx(float(scores.max()), abs=1e-4)
        kept = read_images(output(chosen, "07_model_output", "lgd", ipc=5) / "images" / digit)[4]
        assert torch.equal(kept, draws[int(row["candidate"])])


def test_a_second_run_computes_nothing_again(copied):
    before = made_of(copied, 5)
    run(copied, "generate", method="lgd", ipc=5)
    assert made_of(copied, 5) == before


@pytest.mark.parametrize(
    ("lost", "remade"),
    [
        (["increment_3"], {f"increment_3/{digit}.safetensors" for digit in DIGITS}),
        (
            ["student_3", "increment_3"],
            {
                "student_3/student.safetensors",
                *(f"increment_3/{digit}.safetensors" for digit in DIGITS),
            },
        ),
        (["increment_3/4.safetensors"], {"increment_3/4.safetensors"}),
    ],
    ids=["chosen", "trained", "half chosen"],
)
def test_a_run_that_was_killed_in_an_increment_goes_on_to_the_same_bytes(copied, lost, remade):
    pixels, folder = images_of(copied, "lgd", ipc=5), output(copied, "04_feature", "lgd", ipc=5)
    for name in lost:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(folder / f"{name}.manifest", ignore_errors=True)
    shutil.rmtree(output(copied, "07_model_output", "lgd", ipc=5))
    before = made_of(copied, 5)
    run(copied, "generate", method="lgd", ipc=5)
    assert images_of(copied, "lgd", ipc=5) == pixels
    assert written(before, made_of(copied, 5)) == remade


def test_one_draw_of_each_image_is_what_the_method_draws_several_times(copied):
    run(copied, "generate", method="lgd", ipc=4, methods={"lgd": {"kappa": 1}})
    run(copied, "generate", method="s3", methods={"s3": {"draws": {"plain": False}, "groups": 2}})
    groups = output(copied, "04_feature", "s3,methods.s3.draws.plain=false,methods.s3.groups=2")
    name = "lgd,methods.lgd.kappa=1"
    model = ModelFolder(copied / PRIOR, "0", "dit")
    autoencoder = load_autoencoder(model, AutoencoderConfig("fp32", False, "cpu"))
    for digit in DIGITS:
        latents = load_file(groups / f"drawn_groups/{digit}.safetensors")["latents"]
        made = read_images(output(copied, "07_model_output", name, ipc=4) / "images" / digit)
        assert torch.equal(made, autoencoder.decode(latents.flatten(0, 1), 32))


def test_without_the_teacher_the_hardest_draw_for_the_student_is_kept(copied):
    before = made_of(copied, 4)
    run(copied, "generate", method="lgd", ipc=4, methods={"lgd": {"omega": 0}})
    rows = rows_of(copied, 4, "lgd,methods.lgd.omega=0")
    later, usual = rows[rows["increment"] == 2], rows_of(copied, 4)
    assert later["learnability"].tolist() == pytest.approx(later["student_loss"].tolist())
    # The student is the same: what it says of what is kept is no less.
    kept = usual[usual["increment"] == 2]
    assert (later["student_loss"].to_numpy() >= kept["student_loss"].to_numpy() - 1e-6).all()
    assert later["candidate"].tolist() != kept["candidate"].tolist()
    assert made_of(copied, 4) == before


def test_another_length_of_students_is_told_in_the_name_of_the_folder(copied):
    run(copied, "generate", method="lgd", ipc=4, student_training={"epochs": 1})
    folder = output(copied, "07_model_output", "lgd,student_training.epochs=1", ipc=4)
    assert (folder / "images").is_dir()
