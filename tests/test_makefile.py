import re
import shlex
import subprocess
from contextlib import chdir

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from PIL import Image
from tiny_project import REPOSITORY, make_project, save_teacher

from mgd3_kedro.cli import cli

MAKE = ["make", "--dry-run", "--no-print-directory", "--old-file=.venv/installed"]
MEASURED = {
    "mnist": ["results", "options", "tune"],
    "imagenette64": [
        *("methods", "length", "reconstructed", "labels", "tune"),
        *("tune-guidance-large", "methods-large", "length-large"),
    ],
}
"""Targets that measure a benchmark."""
SIDES = {"mnist": 32, "imagenette64": 64}


def commands(*arguments):
    """Return what make would run, a list of words per line."""
    done = subprocess.run(
        [*MAKE, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return [shlex.split(line) for line in done.stdout.splitlines()]


def sweeps():
    """Return the names and arguments of all sweeps, once each."""
    lines = [
        line
        for env, targets in MEASURED.items()
        for line in commands(*targets, f"ENV={env}", "DATA=photos" if env != "mnist" else "DATA=")
    ]
    found = {" ".join(line[1:]): line[1:] for line in lines if line[1:2] == ["sweep"]}
    return [
        pytest.param(one, id=f"{one[2]} {one[one.index('--name') + 1]}") for one in found.values()
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Make a project that has what sweeps ask for before they start: teachers and photos."""
    folder = make_project(tmp_path_factory.mktemp("measured"))
    for benchmark, side in SIDES.items():
        table = (folder / "data/01_raw/classes" / f"{benchmark}.tsv").read_text()
        wnids = [line.split("\t")[0] for line in table.splitlines()]
        for split in ("test", "holdout"):
            teacher = folder / "data/06_models/teachers" / f"{benchmark}-{split}"
            save_teacher(teacher, "convnet1_bn", wnids, side)
    for part in ("train", "val"):
        for wnid in wnids:
            (folder / "photos" / part / wnid).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(folder / "photos" / part / wnid / "1.png")
    return folder


@pytest.mark.parametrize("arguments", sweeps())
def test_every_sweep_can_be_planned(arguments, project):
    bootstrap_project(project)
    with chdir(project):
        result = CliRunner().invoke(cli, [*arguments, "--dry-run"])
    assert result.exit_code == 0, result.output
    assert int(re.search(r": (\d+) points", result.output)[1]) > 0


def test_sweeps_of_a_benchmark_have_names_of_their_own():
    names = [param.id for param in sweeps()]
    assert len(set(names)) == len(names) > 20


def test_every_target_that_the_pages_name_exists():
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    named = {
        target for page in pages for target in re.findall(r"make ([a-z][\w-]*)", page.read_text())
    }
    code = {t for page in pages for t in re.findall(r"`make ([\w-]+)`", page.read_text())}
    assert {"test", "methods", "tune"} <= code <= named
    for target in code - {"ablate-NAME"}:
        commands(target)
