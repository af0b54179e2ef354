"""What runs are called in MLflow."""

from contextlib import chdir

import pytest
from kedro.framework.session import KedroSession
from tiny_project import run, runs_of

from mgd3_kedro.pipeline_registry import register_pipelines
from mgd3_kedro.run_names import name_run

ABOUT_IMAGES = {
    "benchmark": "pets",
    "split": "holdout",
    "backbone": "dit",
    "method": "d4m",
    "ipc": 10,
    "seed": 3,
    "protocol": "hard",
    "preset": "short",
}
BOTH = {"benchmark": "pets", "split": "holdout"}


@pytest.mark.parametrize(
    ("names", "method", "used", "expected"),
    [
        (
            ["distill"],
            "d4m",
            ABOUT_IMAGES,
            "d4m ipc10 seed3 hard-short label=long distill pets/holdout/dit",
        ),
        (
            ["__default__"],
            "d4m",
            ABOUT_IMAGES,
            "d4m ipc10 seed3 hard-short label=long distill pets/holdout/dit",
        ),
        (
            ["train_full"],
            "full",
            {**BOTH, "seed": 3, "protocol": "hard", "preset": "paper"},
            "full seed3 hard-paper label=long train_full pets/holdout",
        ),
        (
            ["discover_modes", "encode"],
            None,
            {**BOTH, "ipc": 10, "seed": 3},
            "encode+discover_modes ipc10 seed3 label=long pets/holdout",
        ),
        (["compare"], None, BOTH, "compare label=long pets/holdout"),
        (["illustrate"], None, {}, "illustrate label=long"),
    ],
)
def test_a_run_is_called_after_what_tells_it_from_others(names, method, used, expected):
    known = register_pipelines()
    assert name_run(names, known, method, used, ["label=long"]) == expected


def test_what_the_name_tells_anyway_is_not_told_twice():
    words = ["protocol=hard", "split=holdout", "epochs=3"]
    name = name_run(["distill"], ["distill"], "d4m", ABOUT_IMAGES, words)
    assert name == "d4m ipc10 seed3 hard-short epochs=3 distill pets/holdout/dit"
    # Without a method the protocol is no part of the name.
    assert "protocol=hard" in name_run(["pretrain"], ["pretrain"], None, ABOUT_IMAGES, words)


def test_a_session_names_its_run_whatever_the_order_of_its_pipelines(project):
    run(project, "discover_modes", "encode")
    (only,) = runs_of(project)
    assert only.info.run_name == "encode+discover_modes ipc2 seed0 mnist/test/dit"


def test_a_session_names_a_run_that_asks_for_no_pipeline(project):
    with (
        chdir(project),
        KedroSession.create(project, runtime_params={"seed": 7}) as session,
    ):
        session.run(to_nodes=["encode.describe_benchmark"])
    assert [found.info.run_name for found in runs_of(project)] == ["distill mnist/test"]
