import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from filelock import FileLock
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_project import IPC, as_options, make_project, run, runs_of, times_of

from mgd3_kedro.cli import cli
from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.points import read_points

PARENT = "mlflow.parentRunId"
FINDERS, SEED = ("kmeans", "random"), 1
GRID = ("--over", "modes.mode_finder=kmeans,random", "--over", f"seed={SEED}")
LAST_NODES = "collect_rows,collect_scores"
ALL = ("--pipelines", "distill", "--to-nodes", LAST_NODES, "--name", "grid", "--jobs", "2")
POINTS = [f"mode_finder={finder}-seed={SEED}" for finder in FINDERS]
# One class at a time and many steps, so that there is a middle to be interrupted in.
SLOW = {"diffusion": {"max_batch": 1, "num_inference_steps": 30}}
TO_IMAGES = ("--pipelines", "guided_generate", "--to-nodes", "distill_images")
DRAWN = (*TO_IMAGES, "--name", "drawn", "--over", "seed=1,0")


def arguments(*options, **changes):
    """Return the command line of a sweep."""
    given = [",".join(as_options(changes))]
    return ["sweep", *options, *(["--params", *given] if changes else [])]


def sweep(project, *options, **changes):
    """Run `kedro sweep` in this process; its points are processes of their own."""
    bootstrap_project(project)
    with chdir(project):
        return CliRunner().invoke(cli, arguments(*options, **changes))


def states(project, name):
    """Return the table of the points' states."""
    path = project / "data/08_reporting/mnist/sweeps" / name / "points.csv"
    return pd.read_csv(path, keep_default_na=False).set_index("point")


def family(project, name):
    """Return the parent run of a sweep, and its children by name, newest first."""
    runs = runs_of(project)
    (parent,) = [run for run in runs if run.data.tags.get("sweep") == name]
    children = [run for run in runs if run.data.tags.get(PARENT) == parent.info.run_id]
    return parent, children


def words_of(finder):
    """Return what the name of a folder ends with; k-means is what is configured."""
    return "" if finder == "kmeans" else f",mode_finder={finder}"


def folder_of(project, stage, finder):
    place = f"mnist/test/dit/ipc{IPC}/mgd3{words_of(finder)}/seed{SEED}"
    return project / "data" / stage / place


def modes_of(project, finder, seed):
    folder = project / f"data/04_feature/mnist/test/dit/ipc{IPC}/seed{seed}"
    return folder / f"modes{words_of(finder)}"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Sweep two axes in a new project, two points at a time."""
    project = make_project(tmp_path_factory.mktemp("swept"))
    result = sweep(project, *ALL, *GRID)
    assert result.exit_code == 0, result.output
    return project, result


def test_a_sweep_says_how_far_it_is_and_ends_well(swept):
    lines = swept[1].stdout.splitlines()
    assert lines[0] == "grid: 2 points, 0 done before; logs in data/08_reporting/mnist/sweeps/grid"
    points = lines[1:-1]
    assert [line.split("]")[0] for line in points] == ["[1/2", "[2/2"]
    assert {line.split()[1].rstrip(":") for line in points} == set(POINTS)
    assert all("done in " in line for line in points)
    assert [line.endswith(" to go") for line in points] == [True, False]
    assert lines[-1] == "accuracies: kedro results; tables of them: kedro run --pipelines=compare"


def test_every_point_is_a_child_run_under_one_parent(swept):
    parent, children = family(swept[0], "grid")
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "grid"
    assert parent.data.params == {"modes.mode_finder": "kmeans, random", "seed": str(SEED)}
    assert {child.info.run_name for child in children} == set(POINTS)
    assert len(children) == 2
    assert len(runs_of(swept[0])) == 3
    for child in children:
        params = child.data.params
        assert child.info.status == "FINISHED"
        assert (
            child.info.run_name
            == f"mode_finder={params['modes.mode_finder']}-seed={params['seed']}"
        )
        assert params["diffusion.num_inference_steps"] == "4"
        assert child.data.metrics["system/train_eval/train_networks/run_seconds"] > 0


def test_every_state_is_written_down(swept):
    table = states(swept[0], "grid")
    assert list(table.index) == POINTS
    assert set(table["status"]) == {"done"}
    assert (table["seconds"] > 0).all()
    children = {child.info.run_name: child.info.run_id for child in family(swept[0], "grid")[1]}
    assert table["run_id"].to_dict() == children
    assert set(table["error"]) == {""}
    logs = swept[0] / "data/08_reporting/mnist/sweeps/grid"
    for name in POINTS:
        # What a run prints at its end.
        assert "MLflow: kedro mlflow ui" in (logs / f"{name}.log").read_text()


def test_every_point_has_rows_and_images_in_a_folder_of_its_own(swept):
    images, configurations = set(), set()
    for finder in FINDERS:
        (path,) = folder_of(swept[0], "08_reporting", finder).rglob("result_rows.csv")
        rows = pd.read_csv(path)
        assert (len(rows), set(rows["seed"])) == (2, {SEED})
        configurations |= set(rows["configuration"])
        folder = folder_of(swept[0], "07_model_output", finder) / "images"
        paths = sorted(folder.rglob("*.png"))
        assert len(paths) == 10 * IPC
        images.add(b"".join(path.read_bytes() for path in paths))
    assert len(images) == 2
    # What they are made with is known.
    assert len(configurations - {""}) == 2


def test_the_command_of_a_point_says_all_that_it_is(swept):
    tags = {child.info.run_name: child.data.tags for child in family(swept[0], "grid")[1]}
    assert tags[POINTS[0]]["command"].endswith(
        f" run --env=mnist --pipelines=distill --to-nodes={LAST_NODES} "
        f"--params modes.mode_finder=kmeans,seed={SEED}"
    )


def test_what_points_have_in_common_is_made_once_by_those_that_are_at_work(swept):
    latents = Manifest(swept[0] / "data/02_intermediate/mnist/test/dit/latents")
    makers = {latents.read_record(str(digit))["command"] for digit in range(10)}
    assert len(makers) <= 2
    assert len(list((swept[0] / "data/02_intermediate/mnist/test/dit").glob("latents*"))) == 2


def test_two_at_a_time_make_the_same_as_one_alone(swept, tmp_path):
    alone = Path(shutil.copytree(swept[0], tmp_path / "alone"))
    shutil.rmtree(modes_of(alone, "kmeans", 1))
    run(alone, "discover_modes", seed=1)
    for digit in range(10):
        expected = load_file(modes_of(alone, "kmeans", 1) / f"{digit}.safetensors")["modes"]
        found = load_file(modes_of(swept[0], "kmeans", 1) / f"{digit}.safetensors")["modes"]
        assert np.array_equal(found, expected)
        other = load_file(modes_of(swept[0], "random", 1) / f"{digit}.safetensors")["modes"]
        assert not np.array_equal(found, other)


def test_every_point_says_where_it_keeps_what_it_made(swept):
    for point in read_points(swept[0] / "data/08_reporting/mnist/sweeps/grid"):
        finder, seed = point.values["modes.mode_finder"], point.values["seed"]
        assert point.name == f"mode_finder={finder}-seed={seed}"
        rows = folder_of(swept[0], "08_reporting", finder) / "hard-smoke/result_rows.csv"
        assert swept[0] / point.places["result_rows"] == rows
        assert rows.is_file()
        images = folder_of(swept[0], "07_model_output", finder) / "images"
        assert swept[0] / point.places["distilled_images"] == images


def test_a_sweep_is_reported_as_rows_with_scores_and_as_figures(swept, tmp_path):
    project = Path(shutil.copytree(swept[0], tmp_path / "project"))
    run(project, "report_sweep", "show_sweep", sweep="grid", results="out", figures="drawn")
    table = pd.read_csv(project / "out/mnist_grid.csv")
    assert table.groupby("point").size().to_dict() == dict.fromkeys(POINTS, 2)
    for point, rows in table.groupby("point"):
        (finder,), (seed,) = set(rows["mode_finder"]), set(rows["seed"])
        assert point == f"mode_finder={finder}-seed={seed}"
        scores = folder_of(project, "08_reporting", finder) / "diversity_scores.csv"
        means = pd.read_csv(scores)[["diversity", "representativeness"]].mean()
        for name, mean in means.items():
            assert rows[name].tolist() == pytest.approx([mean] * 2)
    made = {path.name for path in (project / "drawn").iterdir()}
    assert made == {"mnist_grid.png", "mnist_grid_interactive.json", "mnist_grid_images.png"}
    with Image.open(project / "drawn/mnist_grid_images.png") as sheet:
        # Ten classes below each other, a column per mode finder.
        assert sheet.height > 4 * (sheet.width / 2)


def test_a_report_of_no_sweep_names_those_that_there_are(swept):
    with pytest.raises(DatasetError, match=r"sweep: expected one of grid.*, got 'gird'"):
        run(swept[0], "report_sweep", sweep="gird")


def test_the_same_command_again_does_nothing(swept):
    before = times_of(swept[0] / "data")
    runs = len(runs_of(swept[0]))
    result = sweep(swept[0], *ALL, *GRID)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "grid: 2 points, 2 done before; logs in data/08_reporting/mnist/sweeps/grid"
    ]
    after = times_of(swept[0] / "data")
    assert {name for name in after if after[name] != before.get(name)} <= {
        "08_reporting/mnist/sweeps/grid/.lock"
    }
    assert len(runs_of(swept[0])) == runs


def test_a_dry_run_lists_what_sets_points_apart_and_what_is_there(swept):
    before = times_of(swept[0] / "data")
    done = sweep(swept[0], *ALL, *GRID, "--dry-run").stdout.splitlines()
    assert [line.split(": ")[0] for line in done] == ["grid", *POINTS]
    assert all("; done earlier, in " in line for line in done[1:])
    # Another number of repeats is another sweep, of which nothing is done.
    lines = sweep(swept[0], *ALL, *GRID, "--dry-run", trainings={"repeats": 1}).stdout.splitlines()
    there = "analysis, distilled_images, fitted_test_images, latents, modes, radii_of_latents"
    assert lines[1:] == [
        f"{POINTS[0]}: repeats=1; there already: {there}",
        f"{POINTS[1]}: mode_finder=random repeats=1; there already: {there}",
    ]
    new = sweep(swept[0], *ALL[:4], "--dry-run", "--over", "seed=7,8").stdout.splitlines()
    there = "fitted_test_images, latents, radii_of_latents"
    assert new[1:] == [f"seed={seed}: as configured; there already: {there}" for seed in (7, 8)]
    assert times_of(swept[0] / "data") == before


def test_priors_can_be_swept_over(swept):
    project, _ = swept
    grid = ("--over", "pretrain.denoiser.prediction_type=epsilon,sample", "--dry-run")
    result = sweep(project, "--pipelines", "pretrain", *grid)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1:] == [
        "prediction_type=epsilon: as configured",
        "prediction_type=sample: pretrain.denoiser.prediction_type=sample",
    ]


def test_a_sweep_of_a_name_that_is_at_work_is_refused(swept):
    with FileLock(swept[0] / "data/08_reporting/mnist/sweeps/grid/.lock"):
        result = sweep(swept[0], *ALL, *GRID)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: grid: expected that no other process runs this sweep, but one does; "
        "wait until it ends\n"
    )


@pytest.fixture(scope="module")
def interrupted(swept, tmp_path_factory):
    """Interrupt a sweep in its first point."""
    project = Path(shutil.copytree(swept[0], tmp_path_factory.mktemp("interrupted") / "project"))
    run(project, "discover_modes", seed=0)
    process = subprocess.Popen(
        [sys.executable, "-m", "kedro", *arguments(*DRAWN, **SLOW)],
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has its background jobs ignore Ctrl-C, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    manifest = manifest_of(project, seed=1)
    while process.poll() is None and len(list(manifest.glob("*.json"))) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate()
    table, runs = states(project, "drawn"), family(project, "drawn")
    return project, (process.returncode, printed, errors), table, runs, times_of(manifest)


def manifest_of(project, seed):
    model_output = project / f"data/07_model_output/mnist/test/dit/ipc{IPC}"
    return model_output / f"mgd3,num_inference_steps=30/seed{seed}/images.manifest"


def test_an_interrupted_sweep_ends_its_point_and_writes_down_how_far_it_was(interrupted):
    _, (status, printed, errors), table, (parent, children), made = interrupted
    assert status == 130, errors
    assert "Interrupted; finished work is kept" in errors
    assert "Traceback" not in errors
    assert printed.splitlines()[0].startswith("drawn: 2 points, 0 done before")
    assert set(table["status"]) == {"pending"}
    assert parent.info.status == "KILLED"
    assert [(child.info.run_name, child.info.status) for child in children] == [
        ("seed=1", "KILLED")
    ]
    assert 2 <= len([name for name in made if name.endswith(".json")]) < 7


def test_the_next_sweep_goes_on_and_a_point_that_fails_leaves_the_others_complete(interrupted):
    project, made = interrupted[0], interrupted[-1]
    path = modes_of(project, "kmeans", 1) / "7.safetensors"
    found = load_file(path)
    found["modes"][0] = float("nan")
    save_file(found, path)
    result = sweep(project, *DRAWN, **SLOW)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("drawn: 2 points, 0 done before")
    assert lines[1].startswith("[1/2] seed=1: failed after ")
    assert lines[2].startswith("[2/2] seed=0: done in ")
    table = states(project, "drawn")
    assert table["status"].to_dict() == {"seed=1": "failed", "seed=0": "done"}
    error = table.loc["seed=1", "error"]
    assert "modes/7.safetensors: expected the file as it was made, it has changed" in error
    place = "data/08_reporting/mnist/sweeps/drawn/seed=1.log"
    assert lines[3] == f"failed: seed=1: {error} ({place})"
    assert error in (project / place).read_text()
    after = times_of(manifest_of(project, seed=1))
    records = [name for name in made if name.endswith(".json")]
    assert {name: after[name] for name in records} == {name: made[name] for name in records}
    images = manifest_of(project, seed=0).with_name("images")
    assert len(list(images.rglob("*.png"))) == 10 * IPC


def test_a_sweep_that_goes_on_has_the_same_parent_and_new_children(interrupted):
    parent, children = family(interrupted[0], "drawn")
    assert parent.info.run_id == interrupted[3][0].info.run_id
    assert parent.info.status == "FAILED"
    assert [(child.info.run_name, child.info.status) for child in children] == [
        ("seed=0", "FINISHED"),
        ("seed=1", "FAILED"),
        ("seed=1", "KILLED"),
    ]
    table = states(interrupted[0], "drawn")
    assert table["run_id"].to_dict() == {c.info.run_name: c.info.run_id for c in children[:2]}
    assert "modes/7.safetensors: expected the file" in children[1].data.tags["error"]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """Make a project that every sweep is to be refused in."""
    return make_project(tmp_path_factory.mktemp("untouched"))


SEEDS_ONLY = ("--over", "seed=0,1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--over", "sed=0,1"), "unknown parameter 'sed': did you mean 'seed'?"),
        (("--over", "modes.finder=a,b"), "unknown parameter of modes 'finder'"),
        (("--over", "modes=1,2"), "modes: expected its settings, each as modes.KEY=VALUE"),
        (("--over", "variant=a,b"), "unknown parameter 'variant'"),
        (("--over", "seed="), "seed: expected a number, got ''"),
        (("--over", "seed=1,2,1"), "expected every point once, got seed=1 2 times"),
        ((*SEEDS_ONLY, *SEEDS_ONLY), "seed: expected one --over, got two"),
        ((*SEEDS_ONLY, "--params", "seed=2"), "seed: expected one setting of it in "),
        (
            ("--over", "seed=0,-1"),
            "seed: expected a number in [0, ",
        ),
        (("--over", "method=mgd3,mgd4"), "unknown method 'mgd4': expected one of annealed"),
        (
            ("--over", "method=random,rded"),
            "train_teacher, with the same --env and --params, trains one",
        ),
        (("--over", "backbone=dit,dut"), "unknown backbone 'dut': expected one of dit"),
        (("--over", "split=test,dev"), "unknown split 'dev': expected one of holdout, test"),
        (("--over", "modes.mode_finder=random,kmean"), "unknown mode finder 'kmean'"),
        (("--over", "autoencoder.device=cpu,tpu"), "device: expected one of auto, cpu, cuda, mps"),
        ((*SEEDS_ONLY, "--pipelines", "distil"), "unknown pipeline 'distil': expected one of"),
        ((*SEEDS_ONLY, "--to-nodes", "paint"), "does not contain nodes named ['paint']"),
        ((*SEEDS_ONLY, "--env", "minst"), "conf/minst"),
        ((*SEEDS_ONLY, "--pipelines", "encode"), "seed: expected a parameter that changes results"),
        (("--over", "device=cpu,auto"), "device: expected a parameter that changes results"),
        (
            (*SEEDS_ONLY, "--pipelines", "distill,compare"),
            "run the pipelines one after the other, or run one that contains both",
        ),
        ((*SEEDS_ONLY, "--jobs", "0"), "jobs: expected a number in [1, inf), got 0"),
        (
            (*SEEDS_ONLY, "--name", "../up"),
            "name: expected letters, digits, _ and, after the first",
        ),
        (("method",), "unknown sweep 'method': did you mean 'methods'?"),
        (("labels", *SEEDS_ONLY), "labels: expected no other options than --params"),
        (
            ("labels", "--params", "seed=4"),
            "seed: expected one setting of it in labels, got an axis and",
        ),
        # Found by what a run checks before it starts, at the first point.
        (("--over", "seed=0,1", "--pipelines", "guided_generate"), "expected a complete "),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_name_before_any_work(options, message, untouched):
    result = sweep(untouched, *options)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert result.stdout == "" or " 0 done before" in result.stdout
    assert runs_of(untouched) == []
    assert not list(untouched.glob("data/0[2-57]*/mnist"))
    assert not list(untouched.rglob("points.csv"))


SHORT = {
    "trainings": {"repeats": 1},
    "teacher_training": {"network": "convnet1_bn", "epochs": 1},
}


@pytest.fixture(scope="module")
def configured(tmp_path_factory):
    """Run a sweep of a project's own configuration: a teacher, a grid that asks it, a table."""
    project = make_project(tmp_path_factory.mktemp("configured"))
    text = """
own:
  about: labels of a teacher
  parts:
    - pipelines: train_teacher
      keep: {teacher_metrics: "kept/${parameters:benchmark}.json"}
    - {sweep: inner}
    - {pipelines: compare, params: {results: "kept here"}}
inner:
  about: a seed or two
  name: seeds
  parts:
    - to_nodes: collect_rows
      params: {protocol: soft, method: random, evaluation.batch_size: 10}
      over: {seed: [0, 1]}
"""
    (project / "conf/mnist/sweeps.yml").write_text(text)
    result = sweep(project, "own", **SHORT)
    return project, result


def test_parts_run_one_after_the_other_each_in_the_folder_of_its_sweep(configured):
    project, result = configured
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "own: 4 points, 0 done before; logs in data/08_reporting/mnist/sweeps"
    assert [line.split(": ")[0] for line in lines[1:-1]] == [
        "[1/4] own/train_teacher",
        "[2/4] seeds/seed=0",
        "[3/4] seeds/seed=1",
        "[4/4] own/compare",
    ]
    assert list(states(project, "seeds").index) == ["seed=0", "seed=1"]
    assert not (project / "data/08_reporting/mnist/sweeps/own/points.csv").exists()
    assert [family(project, name)[0].info.status for name in ("own", "seeds")] == ["FINISHED"] * 2


def test_what_a_single_run_made_is_kept_and_the_table_has_the_rows_of_the_grid(configured):
    project = configured[0]
    assert "top1" in (project / "kept/mnist.json").read_text()
    rows = pd.read_csv(project / "kept here/mnist_rows.csv")
    assert sorted(rows["seed"]) == [0, 1]
    # Seeds are made alike.
    assert rows["configuration"].nunique() == 1
    assert set(rows["protocol"]) == {"soft"}


def test_a_single_run_is_made_anew_after_runs_of_its_list(configured):
    project = configured[0]
    again = sweep(project, "own", **SHORT)
    assert again.stdout.splitlines() == [
        "own: 4 points, 4 done before; logs in data/08_reporting/mnist/sweeps"
    ]
    path = project / "data/08_reporting/mnist/sweeps/seeds/points.csv"
    path.write_text(path.read_text().replace("done", "failed", 1))
    lines = sweep(project, "own", **SHORT).stdout.splitlines()
    assert [line.split(": ")[0] for line in lines[1:-1]] == [
        "[1/2] seeds/seed=0",
        "[2/2] own/compare",
    ]


def test_runs_whose_rows_are_kept_are_not_made_again_in_another_clone(configured, tmp_path):
    project = make_project(tmp_path / "clone")
    text = (configured[0] / "conf/mnist/sweeps.yml").read_text()
    text = text.replace("      params: {protocol", "      rows: kept here\n      params: {protocol")
    text = text.replace('results: "kept here"', 'results: "kept here", earlier: "kept here"')
    (project / "conf/mnist/sweeps.yml").write_text(text)
    shutil.copytree(configured[0] / "kept here", project / "kept here")
    before = pd.read_csv(project / "kept here/mnist_rows.csv")
    told = sweep(project, "own", "--dry-run", **SHORT).stdout.splitlines()
    assert [line.endswith("; rows are in kept here") for line in told[1:]] == [0, 1, 1, 0]
    result = sweep(project, "own", **SHORT)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("own: 4 points, 0 done before, 2 whose rows are kept; logs in ")
    assert [line.split(": ")[0] for line in lines[1:]] == [
        "[1/2] own/train_teacher",
        "[2/2] own/compare",
    ]
    pd.testing.assert_frame_equal(pd.read_csv(project / "kept here/mnist_rows.csv"), before)


def test_a_sweep_without_a_name_lists_what_the_configuration_has(configured):
    lines = sweep(configured[0]).stdout.splitlines()
    assert any(re.fullmatch(r"inner +a seed or two", line) for line in lines)
    assert any(line.startswith("ablate-stop ") for line in lines)


def test_help_names_the_options_and_gives_an_example():
    text = CliRunner().invoke(cli, ["sweep", "--help"]).stdout
    for option in ("--over", "--name", "--jobs", "--dry-run", "--params", "--pipelines", "--env"):
        assert option in text
    assert "--over sampling.stop_guidance_step=50,25,0 --over seed=0,1,2" in text
