"""What pages name is there: links, commands and their parameters, members of families."""

import re
import shlex

import pandas as pd
import pytest
import yaml
from asked_runs import loader_of, warn
from documented.commands import FEWEST, PAGES, ROOT, read_commands
from documented.ways import fill_in

from mgd3_kedro.cli import cli
from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS
from mgd3_kedro.modes import MODE_FINDERS
from mgd3_kedro.nesting import nested
from mgd3_kedro.node_names import with_stages
from mgd3_kedro.pipeline_registry import nodes_of, register_pipelines
from mgd3_kedro.preflight import check_known_parameters
from mgd3_kedro.result_columns import FINISHED, ROW_COLUMNS, RUN_KEYS

OTHERS = {"mlflow", "viz"}
"""Commands that plugins add."""
RESULTS = ROOT / "docs/results"


def configured(env="mnist"):
    """Return the parameters of an environment."""
    return loader_of(env).of_environment


def calls_of_kedro():
    """Return the commands of `kedro` that pages have, as words, with all places filled in."""
    return [
        pytest.param(shlex.split(fill_in(command.text).partition(" & ")[0])[1:], id=command.text)
        for command in read_commands()
        if command.words[0] == "kedro" and len(command.words) >= FEWEST
    ]


def names_in(page, title):
    """Return the names in the first column of a page's table, which has a title."""
    table = re.search(rf"^\| `{title}` \|.*\n\|.*\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    cells = [line.split("|")[1] for line in table[1].splitlines()]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_is_there(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
            assert heading in anchors, target


@pytest.mark.parametrize("words", calls_of_kedro())
def test_a_command_of_a_page_has_pipelines_nodes_and_parameters_that_there_are(words, caplog):
    name, *arguments = words
    assert name in {*cli.commands, *OTHERS}
    if name in OTHERS:
        return
    asked = cli.commands[name].make_context(name, arguments).params
    pipelines = register_pipelines()
    for one in asked.get("pipelines") or ():
        assert one in pipelines
    nodes = {node.name for node in nodes_of(asked.get("pipelines") or ["distill"])}
    assert set(with_stages(asked.get("to_nodes") or (), nodes)) <= nodes
    env = asked.get("env") or "mnist"
    assert (ROOT / "conf" / env).is_dir()
    known = configured(env)
    check_known_parameters(asked.get("params") or {}, known)
    given = asked.get("params") or {}
    # `backbone=mine` is one that the reader has added.
    if name == "run" and given and given.get("backbone") in (None, *known["backbones"]):
        warn(given, asked.get("pipelines") or ["distill"], env)
        assert caplog.messages == []
    for axis in asked.get("over") or ():
        check_known_parameters(nested({axis.partition("=")[0]: None}), known)
    if name == "sweep" and arguments[0].islower() and not arguments[0].startswith("-"):
        assert arguments[0] in {
            sweep
            for file in (ROOT / "conf").glob("*/sweeps.yml")
            for sweep in yaml.safe_load(file.read_text())
        }


def test_tables_of_names_list_what_there_is():
    parameters = configured()
    pages = {page.name: page.read_text() for page in PAGES}
    listed = {
        "method": ("methods.md", parameters["methods"]),
        "mode_finder": ("methods.md", MODE_FINDERS),
        "protocol": ("evaluation.md", PROTOCOLS),
        "preset": ("evaluation.md", parameters["evaluation"]["presets"]),
        "backbone": ("models.md", parameters["backbones"]),
    }
    for title, (page, known) in listed.items():
        assert names_in(pages[page], title) == set(known)
    (networks,) = re.findall(r"^Networks \(.*?\.\s", pages["evaluation.md"], re.M | re.S)
    named = set(re.findall(r"`(\w+)`", networks))
    assert named <= set(NETWORKS)
    assert {re.sub(r"\d+(_bn)?$", "", name) for name in NETWORKS} == {
        re.sub(r"\d+(_bn)?$", "", name) for name in named
    }


@pytest.mark.parametrize("file", sorted(RESULTS.rglob("*_rows.csv")), ids=lambda file: file.name)
def test_committed_rows_have_the_agreed_columns_and_are_one_training_each(file):
    rows = pd.read_csv(file)
    assert tuple(rows.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
    assert not rows.duplicated([*RUN_KEYS, "settings", "training_seed"]).any()
    assert set(rows["outcome"]) == {FINISHED}


def test_what_the_page_says_of_a_prior_is_on_its_card():
    page = (ROOT / "docs/models.md").read_text()
    table = page.split("| | smaller | larger |\n")[1].split("\n\n")[0]
    for column, prior in ((2, "imagenette64-small"), (3, "imagenette64")):
        card = (ROOT / "data/06_models" / prior / "README.md").read_text()
        said = [line.split("|")[column] for line in table.splitlines()[1:]]
        figures = [one for cell in said for one in re.findall(r"[\d.]+ (?:dB|%)", cell)]
        assert len(figures) == 5
        assert [one for one in figures if one not in card] == []
