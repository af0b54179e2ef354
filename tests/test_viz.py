"""Kedro-Viz shows the lineage, with layers and previews."""

import json
import os
import subprocess
import sys

import pytest
from live_page import keep_picture, open_page, served
from tiny_project import STAGES, make_project

from mgd3_kedro.pipeline_registry import register_pipelines


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the static site of a project that has not run yet, from one of its folders."""
    project = make_project(tmp_path_factory.mktemp("shown"))
    command = [sys.executable, "-m", "kedro", "viz", "build", "--include-previews"]
    variables = {**os.environ, "DO_NOT_TRACK": "1"}
    built = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)
    assert "Success" in built.stdout, built.stdout + built.stderr
    # Nothing has been made yet that could be previewed, which is no error.
    assert "xception:" not in built.stdout + built.stderr
    return project / "build"


@pytest.mark.parametrize("name", sorted(register_pipelines()))
def test_every_pipeline_is_shown_in_layers(site, name):
    shown = json.loads((site / "api/pipelines" / name).read_text())
    tasks = {node["name"] for node in shown["nodes"] if node["type"] == "task"}
    nodes = register_pipelines()[name].nodes
    assert len(tasks) == len({node.name for node in nodes})
    # Kedro-Viz leaves all layers out where they form a cycle.
    assert shown["layers"]


def test_layers_are_in_the_order_of_the_folders_of_data(site):
    shown = json.loads((site / "api/pipelines/distill").read_text())
    # Models are in the layers of other pipelines.
    layers = [layer for layer in shown["layers"] if layer != "models"]
    assert layers == ["raw", "intermediate", "primary", "feature", "model_output", "reporting"]


BETWEEN = ("latents", "modes", "distilled_images")
INSIDE = ("encode_images", "measure_modes", "fitted_test_images", "headline_section")


def test_distill_opens_as_its_stages_with_what_is_between_them_and_unfolds(site, browser):
    with served(site) as address:
        page = open_page(browser, f"{address}/?pid=distill")
        folded = _names_on(page)
        assert {*STAGES, *BETWEEN} <= folded
        assert not {*INSIDE} & folded
        keep_picture(page, "viz_folded")
        page.goto(f"{address}/?pid=distill&expandAllPipelines=true")
        page.locator(".pipeline-node", has_text="fitted_test_images").wait_for()
        assert {*INSIDE, *BETWEEN} <= _names_on(page)
        keep_picture(page, "viz_unfolded")


def _names_on(page):
    """Return what the boxes of the graph are called, once they are where they stay."""
    page.locator(".pipeline-node").first.wait_for()
    # The small map and the hints of a first visit lie over the graph.
    over = "[class*=pipeline-minimap], [class*=feature-hints]"
    page.add_style_tag(content=f"{over} {{display: none !important}}")
    menu = page.get_by_role("button", name="Hide menu")
    if menu.count():
        menu.click()
    # Boxes glide to their places.
    page.wait_for_timeout(3000)
    return set(page.locator(".pipeline-node__text").all_text_contents())
