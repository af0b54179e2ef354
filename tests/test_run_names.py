"""What runs are called in MLflow."""

import pytest
from kedro.pipeline import Pipeline
from tiny_project import run, runs_of

from mgd3_kedro.pipeline_registry import register_pipelines
from mgd3_kedro.run_names import name_run

PARAMETERS = {"benchmark": "pets", "method": "d4m", "variant": "-long", "ipc": 10, "seed": 3}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["distill"], "distill pets/ipc10/d4m-long/seed3"),
        (["__default__"], "distill pets/ipc10/d4m-long/seed3"),
        (["compare"], "compare pets"),
        (["pretrain"], "pretrain pets"),
        (["train_eval", "encode"], "encode+train_eval pets/ipc10/d4m-long/seed3"),
    ],
)
def test_a_run_is_called_after_its_pipelines_and_what_it_is_about(names, expected):
    registered = register_pipelines()
    read = sum((registered[name] for name in names), Pipeline([]))
    assert name_run(names, registered, PARAMETERS, read.inputs()) == expected


def test_a_session_names_its_run_whatever_the_order_of_its_pipelines(project):
    run(project, "discover_modes", "encode")
    (only,) = runs_of(project)
    assert only.info.run_name == "encode+discover_modes mnist"
