"""A run makes the same wherever its classes are made and its networks trained."""

import json
import re
from contextlib import chdir

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from tiny_project import evaluated, images_of, make_project, output, run, runs_of

from mgd3_kedro.cli import cli
from mgd3_kedro.executors import EXECUTORS


def made_in(project):
    """Return what a run has made, without what it took."""
    folders = [
        *(project / "data/02_intermediate", project / "data/04_feature"),
        *(evaluated(project, "07_model_output"), output(project, "07_model_output")),
    ]
    files = {
        str(path.relative_to(project)): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".safetensors", ".png"} and "manifest" not in str(path)
    }
    trainings = evaluated(project, "07_model_output") / "trainings"
    found = {path.name: json.loads(path.read_text()) for path in sorted(trainings.glob("*.json"))}
    return files, {name: untimed(training) for name, training in found.items()}


def untimed(value):
    """Return what was measured, without how long it took."""
    if isinstance(value, list):
        return [untimed(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: untimed(one) for name, one in value.items() if "seconds" not in name}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    project = make_project(tmp_path_factory.mktemp("alone"))
    run(project, "distill", executor={"kind": "serial"})
    assert len(images_of(project)) == 20
    return made_in(project)


@pytest.mark.cluster
@pytest.mark.parametrize("kind", [name for name in EXECUTORS if name != "serial"])
def test_a_run_makes_the_same_with_two_workers(kind, alone, tmp_path):
    project = make_project(tmp_path)
    run(project, "distill", executor={"kind": kind}, workers={"classes": 2, "trainings": 2})
    files, accuracies = made_in(project)
    assert files.keys() == alone[0].keys()
    assert {name for name in files if files[name] != alone[0][name]} == set()
    assert accuracies == alone[1]


@pytest.mark.cluster
@pytest.mark.parametrize("kind", [name for name, one in EXECUTORS.items() if one.is_remote])
def test_points_of_a_sweep_share_one_cluster(kind, alone, tmp_path):
    project = make_project(tmp_path)
    bootstrap_project(project)
    asked = ["--pipelines", "generate", "--to-nodes", "distill_images", "--name", "drawn"]
    line = ["sweep", *asked, "--over", "seed=0,1", "--jobs", "2", "--params"]
    with chdir(project):
        result = CliRunner().invoke(cli, [*line, f"executor.kind={kind}"])
    assert result.exit_code == 0, result.output
    made = images_of(project)
    assert made == {name: alone[0][images_name(project, name)] for name in made}
    assert len(made) == len(images_of(project, seed=1)) == 20
    commands = [one.data.tags["command"] for one in runs_of(project) if "command" in one.data.tags]
    addresses = [re.findall(r"executor\.address=([^, ]+)", command) for command in commands]
    assert len(addresses) == 2
    assert addresses[0] == addresses[1] != []


def images_name(project, name):
    """Return what an image is called among all that a run has made."""
    folder = output(project, "07_model_output") / "images"
    return (folder.relative_to(project) / name).as_posix()
