"""Kedro-Viz shows the lineage, with layers and previews."""

import json
import os
import subprocess
import sys

import pytest
from tiny_project import make_project

from mgd3_kedro.pipeline_registry import register_pipelines


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the static site of a project that has not run yet, from one of its folders."""
    project = make_project(tmp_path_factory.mktemp("shown"))
    command = [sys.executable, "-m", "kedro", "viz", "build", "--include-previews"]
    variables = {**os.environ, "DO_NOT_TRACK": "1"}
    built = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)
    assert "Success" in built.stdout, built.stdout + built.stderr
    return project / "build/api"


@pytest.mark.parametrize("name", sorted(register_pipelines()))
def test_every_pipeline_is_shown_in_layers(site, name):
    shown = json.loads((site / "pipelines" / name).read_text())
    tasks = {node["name"] for node in shown["nodes"] if node["type"] == "task"}
    nodes = register_pipelines()[name].nodes
    assert len(tasks) == len({node.name for node in nodes})
    # Kedro-Viz leaves all layers out where they form a cycle.
    assert shown["layers"]
