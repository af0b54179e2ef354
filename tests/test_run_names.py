"""What runs are called in MLflow."""

from contextlib import chdir

import pytest
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from tiny_project import run, runs_of

from mgd3_kedro.pipeline_registry import register_pipelines
from mgd3_kedro.run_names import name_run

PARAMETERS = {
    "benchmark": "pets",
    "split": "holdout",
    "method": "d4m",
    "ipc": 10,
    "seed": 3,
}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["distill"], "distill pets/holdout/ipc10/d4m/seed3 label=long"),
        (["__default__"], "distill pets/holdout/ipc10/d4m/seed3 label=long"),
        (["train_full"], "train_full pets/holdout/seed3 label=long"),
        (["compare"], "compare pets/holdout label=long"),
        (["pretrain"], "pretrain pets/holdout label=long"),
        (["train_eval", "encode"], "encode+train_eval pets/holdout/ipc10/d4m/seed3 label=long"),
    ],
)
def test_a_run_is_called_after_its_pipelines_and_what_it_is_about(names, expected):
    registered = register_pipelines()
    read = sum((registered[name] for name in names), Pipeline([]))
    assert name_run(names, registered, PARAMETERS, "label=long", read.inputs()) == expected


def test_a_session_names_its_run_whatever_the_order_of_its_pipelines(project):
    run(project, "discover_modes", "encode")
    (only,) = runs_of(project)
    assert only.info.run_name == "encode+discover_modes mnist/test"


def test_a_session_names_a_run_that_asks_for_no_pipeline(project):
    with (
        chdir(project),
        KedroSession.create(project, runtime_params={"seed": 7}) as session,
    ):
        session.run(to_nodes=["describe_benchmark"])
    assert [found.info.run_name for found in runs_of(project)] == ["distill mnist/test"]
