"""No run replaces another's results: what differs has a folder of its own, the rest is shared."""

import hashlib
import json
import re
from dataclasses import fields
from functools import cache

import pandas as pd
import pytest
from tiny_project import REPOSITORY, make_project, run

from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.evaluation import EvaluationConfig
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.nesting import flat
from mgd3_kedro.pipeline_registry import build_pipelines
from mgd3_kedro.pipelines.encode.nodes import EncodingConfig
from mgd3_kedro.sampling import SamplingConfig
from mgd3_kedro.settings import CONFIG_LOADER_ARGS
from mgd3_kedro.stages import is_neutral

CHANGES = {
    "": {},
    "mode_finder=dbscan": {"modes": {"mode_finder": "dbscan"}},
    "mode_guidance_scale=0.3": {"sampling": {"mode_guidance_scale": 0.3}},
    "sampler=ddim": {"diffusion": {"sampler": "ddim"}},
    "flip=random": {"encoding": {"flip": "random"}},
    "epochs=3": {"evaluation": {"epochs": 3}},
}
"""What differs, in words -> parameters of the run."""
OF_THE_PROCESS = ["seconds", "command"]
"""Columns that two runs of the same have different values in."""
TENSORS, IMAGES = "*.safetensors", "*/images/*/*.png"
TABLE_NODES = (
    *("guided_generate.collect_provenance", "train_eval.collect_rows"),
    "analyze_diversity.collect_scores",
)
TABLES = ("provenance.csv", "result_rows.csv", "diversity_scores.csv", "sample_scores.csv")


def results(project):
    """Return the digest of every artefact of a project by its path, tables without times."""
    found = {}
    for path in sorted((project / "data").rglob("*")):
        if path.match(TENSORS) or path.match(IMAGES):
            content = path.read_bytes()
        elif path.name in TABLES:
            rows = pd.read_csv(path).drop(columns=OF_THE_PROCESS, errors="ignore")
            content = rows.to_csv(index=False).encode()
        else:
            continue
        found[path.relative_to(project).as_posix()] = hashlib.sha256(content).hexdigest()
    return {name: content for name, content in found.items() if "06_models" not in name}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Run the default and five others, that change one thing each, in one project."""
    return run_all(make_project(tmp_path_factory.mktemp("shared")), CHANGES)


def run_all(project, order, to_nodes=()):
    """Run a project with one change after the other, and return it."""
    for words in order:
        run(project, "distill", to_nodes=to_nodes, **CHANGES[words])
    return project


def test_runs_beside_others_have_the_same_results_in_whatever_order(shared, tmp_path):
    # What one run took from another, or wrote over it, would be another's in the other order.
    backwards = run_all(make_project(tmp_path), reversed(CHANGES), TABLE_NODES)
    expected, found = results(backwards), results(shared)
    assert len(expected) > len(CHANGES) * len(TABLES)
    assert found == expected


def test_rows_and_the_folders_they_are_in_say_what_differs(shared):
    told = {}
    for path in (shared / "data/08_reporting").rglob("result_rows.csv"):
        (words,) = set(pd.read_csv(path)["settings"].fillna(""))
        told[words] = path.relative_to(shared).as_posix()
    assert told.keys() == CHANGES.keys()
    assert all(f",{words}" in path for words, path in told.items() if words)
    assert "," not in told[""]


def test_what_does_not_depend_on_a_setting_is_there_once(shared):
    latents = {path.parent.name for path in shared.rglob("latents*/0.safetensors")}
    modes = {path.parent.name for path in shared.rglob("modes*/0.safetensors")}
    images = {path.parents[3].name for path in shared.rglob("images/0/0.png")}
    assert latents == {"latents", "latents,flip=random"}
    assert modes == {"modes", "modes,flip=random", "modes,mode_finder=dbscan"}
    assert images == {"mgd3", *(f"mgd3,{words}" for words in CHANGES if words)} - {"mgd3,epochs=3"}


def test_the_same_run_again_computes_nothing_and_says_so(shared, capsys):
    before = results(shared)
    run(shared, "distill")
    assert results(shared) == before
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("up to date: nothing to comp")]) == 1
    assert [line.split("  ")[1] for line in lines if " there: " in line] == [
        "encode images",
        "fit test images",
        "measure real images",
        "discover modes",
        "distill images",
        "analyze images",
        "train networks",
    ]
    assert "data/08_reporting/mnist/test/dit/ipc2/mgd3/seed0/hard-smoke/" in lines


def test_a_comparison_has_a_line_for_every_run_that_says_what_differs(shared):
    run(shared, "compare")
    text = (shared / "data/08_reporting/mnist/test/comparison/mnist_table.md").read_text()
    lines = re.findall(r"^\| (mgd3.*?) \|", text, flags=re.MULTILINE)
    # Trainings of another length have a table of their own, which says so.
    told = [f"mgd3 ({words})" for words in CHANGES if words and words != "epochs=3"]
    assert sorted(lines) == sorted(["mgd3", "mgd3", *told])
    assert "preset 3 epochs" in text


def loader(**given):
    """Return the configuration of a run of the digits."""
    return ProjectConfigLoader(
        conf_source=str(REPOSITORY / "conf"), runtime_params=given, **CONFIG_LOADER_ARGS
    )


BASE = loader()
RUN = BASE["parameters"]
GROUPS = {
    "diffusion": BackboneConfig,
    "sampling": SamplingConfig,
    "modes": ModesConfig,
    "encoding": EncodingConfig,
    "autoencoder": AutoencoderConfig,
    "evaluation": EvaluationConfig,
}
NAMED_BY_FOLDERS = {"evaluation.protocol", "evaluation.preset"}
BY_OTHER_NAMES = {"evaluation.presets", "sampling.further_scales", "sampling.further_options"}
SETTINGS = [
    f"{group}.{field.name}"
    for group, kind in GROUPS.items()
    for field in fields(kind)
    if not is_neutral(field) and f"{group}.{field.name}" not in NAMED_BY_FOLDERS | BY_OTHER_NAMES
] + ["evaluation.presets.quick"]


def other(value):
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {**value, "other": 0.5}
    if isinstance(value, list):
        return [other(one) for one in value]
    return f"{value}-other" if isinstance(value, str) else (value or 0) + 3


def changed(name, value):
    """Return the parameters of a run that differ in one."""
    *groups, last = name.split(".")
    given = {last: value}
    for group in reversed(groups):
        given = {group: given}
    return given


def words_of(method, given):
    return words_of_run(json.dumps({**given, "method": method}))


@cache
def words_of_run(given):
    """Return what is told of the trainings of a run with parameters, as JSON, given."""
    return BASE.with_parameters(json.loads(given)).words("trainings")


def value_of(name):
    found = RUN
    for part in name.split("."):
        found = found[part]
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_two_runs_that_differ_in_any_setting_never_share_a_line(name):
    value = value_of(name)
    told = words_of("mgd3", changed(name, other(value)))
    assert told
    assert told != words_of("mgd3", {})
    assert told != words_of("mgd3", changed(name, other(other(value))))


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (method, name)
        for method, settings in RUN["methods"].items()
        for name in flat({"methods": {method: settings}})
        if not name.endswith(".procedure")
    ],
)
def test_two_runs_that_differ_in_a_setting_of_their_method_never_share_a_line(method, name):
    told = words_of(method, changed(name, other(value_of(name))))
    assert told.startswith(name)
    another = "random" if method != "random" else "dm"
    assert not words_of(another, changed(name, other(value_of(name))))


@pytest.mark.parametrize("method", ["random", "dm"])
def test_the_lineage_of_a_method_that_draws_nothing_has_no_prior_and_no_teacher(method):
    pipeline = build_pipelines({**RUN, "method": method})["distill"]
    assert not {"prior", "teacher", "latents", "modes"} & pipeline.datasets()
    assert {"prior", "latents", "modes"} <= build_pipelines(RUN)["distill"].datasets()


@pytest.mark.parametrize("method", ["unguided", "d4m", "minimax", "random"])
def test_what_steers_is_not_told_of_a_method_that_nothing_steers(method):
    assert words_of(method, {"sampling": {"mode_guidance_scale": 0.3, "candidates": 4}}) == ""
    scale = {"diffusion": {"guidance_scale": 1.5}}
    assert words_of(method, scale) == ("" if method == "random" else "guidance_scale=1.5")


def test_no_two_settings_have_the_same_words():
    told = [words_of("mgd3", changed(name, other(value_of(name)))) for name in SETTINGS]
    assert len(set(told)) == len(SETTINGS)


def test_results_of_an_environment_that_is_called_otherwise_are_kept_apart(tmp_path):
    project = make_project(tmp_path)
    (project / "conf/mine").mkdir()
    text = (project / "conf/mnist/parameters.yml").read_text()
    (project / "conf/mine/parameters.yml").write_text(f"{text}\nlabel: ''\n")
    (project / "conf/mine/catalog.yml").write_text((project / "conf/mnist/catalog.yml").read_text())
    run(project, "encode", env="mine")
    assert (project / "data/02_intermediate/mnist/test/dit/latents,env=mine").is_dir()
    metrics = project / "data/08_reporting/mnist/test/dit/latents,env=mine/encode_metrics.json"
    assert json.loads(metrics.read_text())["images"] == 160
