"""The package as a package: what is in the wheel, and the project that it makes."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import chdir

import pytest
import yaml
from hatchling.build import build_wheel
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from tiny_project import REPOSITORY

import mgd3_kedro
from mgd3_kedro.__main__ import main
from mgd3_kedro.new_project import FILES, PARTS, make_project
from mgd3_kedro.shipped import shipped_folder

BESIDE = ("pyproject.toml", "README.md", "LICENSE")


def files_below(folder):
    """Return the files of a folder, without those of whoever works in it."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not {"local", "__pycache__"} & set(path.parts)
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build the wheel of a checkout that has been worked in, and unpack it as pip does."""
    checkout = tmp_path_factory.mktemp("checkout")
    for part in ("src", *PARTS):
        ignored = shutil.ignore_patterns("__pycache__", "local")
        shutil.copytree(REPOSITORY / part, checkout / part, ignore=ignored)
    for name in BESIDE:
        shutil.copy(REPOSITORY / name, checkout)
    for name in ("conf/local/credentials.yml", "data/06_models/mine/model_index.json"):
        path = checkout / name
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    with chdir(checkout):
        name = build_wheel(str(checkout))
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(checkout / name).extractall(site)
    return site


def test_the_wheel_has_the_package_and_what_a_project_is_made_of(installed):
    assert files_below(REPOSITORY / "src/mgd3_kedro") < files_below(installed / "mgd3_kedro")
    project = installed / "mgd3_kedro/project"
    assert files_below(project) == {
        f"{part}/{name}" for part in PARTS for name in files_below(REPOSITORY / part)
    }


def test_the_wheel_has_nothing_else(installed):
    assert {path.name.partition("-")[0] for path in installed.iterdir()} == {"mgd3_kedro"}
    assert not (installed / "mgd3_kedro/project/conf/local").exists()
    models = installed / "mgd3_kedro/project/data/06_models"
    assert [path.name for path in models.iterdir()] == ["mnist"]


def test_the_installed_package_makes_a_project_in_which_kedro_works(installed, tmp_path):
    variables = {**os.environ, "PYTHONPATH": str(installed), "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "mgd3_kedro", "new", "my project"]
    made = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert made.stdout.startswith("my project is complete"), made.stdout + made.stderr
    assert made.stderr == ""
    project = tmp_path / "my project"
    assert files_below(project) - set(FILES) == {
        f"{part}/{name}" for part in PARTS for name in files_below(REPOSITORY / part)
    }
    metadata = bootstrap_project(project)
    assert metadata.project_name == "my project"
    with chdir(project), KedroSession.create(project) as session:
        context = session.load_context()
    assert context.params["benchmark"] == "mnist"
    prior = context.catalog.get("prior").load().load()
    assert prior.path == project / "data/06_models/mnist"


def test_no_message_names_a_page_that_only_the_repository_has():
    page = re.compile(r"docs/[\w-]+\.md")
    texts = {path: path.read_text() for path in (REPOSITORY / "src").rglob("*.py")}
    # Comments in the configuration may name pages.
    configured = (REPOSITORY / "conf").glob("*/*.yml")
    texts |= {path: str(yaml.safe_load(path.read_text())) for path in configured}
    assert [str(path) for path, text in texts.items() if page.search(text)] == []


def test_a_checkout_has_what_a_project_is_made_of():
    assert shipped_folder() == REPOSITORY


def test_a_folder_with_files_in_it_is_left_as_it_is(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="expected a new or an empty folder"):
        make_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_outside_of_a_project_a_command_says_how_to_make_one(tmp_path, capsys):
    with chdir(tmp_path), pytest.raises(SystemExit) as stopped:
        main(["run"])
    assert stopped.value.code == 2
    assert "make one with: mgd3-kedro new FOLDER" in capsys.readouterr().err


def test_the_installed_command_tells_its_version(tmp_path, capsys):
    with chdir(tmp_path), pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert not stopped.value.code
    assert capsys.readouterr().out.strip() == f"mgd3_kedro, version {mgd3_kedro.__version__}"


def test_within_a_project_every_command_is_reached(capsys):
    with chdir(REPOSITORY / "conf"), pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    own = ("new", "run", "sweep", "fetch-data", "convert-model", "mlflow", "viz", "registry")
    assert [name for name in own if f"\n  {name} " not in told] == []
