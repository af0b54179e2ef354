import json
from contextlib import chdir

import pandas as pd
import pytest
from tiny_project import output, run

from mgd3_kedro.datasets.class_partitions import SaveReport
from mgd3_kedro.result_columns import RUN_KEYS
from mgd3_kedro.summary import WIDTH, Tracked, describe_end, summarise_run

TRACKED = Tracked("7", "sqlite:////p/mlflow.db", True)


@pytest.fixture
def places(tmp_path):
    """Return where a run with two trainings of two networks has kept things."""
    keys = {**dict.fromkeys((*RUN_KEYS, "settings"), "x"), "seed": 0, "method": "mgd3"}
    rows = [
        {**keys, "network": network, "top1_last": top1, "top1_best": top1 + 1}
        for network in ("convnet3", "resnet_ap10")
        for top1 in (80, 85.5)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "result_rows.csv", index=False)
    (tmp_path / "images").mkdir()
    names = {"result_rows": "result_rows.csv", "distilled_images": "images", "latents": "latents"}
    return {name: tmp_path / file for name, file in names.items()}


def test_a_run_ends_with_a_line_per_network_and_where_everything_is(places, tmp_path):
    with chdir(tmp_path.parent):
        lines = list(summarise_run(places, TRACKED))
    assert [line.split() for line in lines if "±" in line] == [
        [name, "2", "82.8", "±", "2.8", "83.8", "±", "2.8"] for name in ("convnet3", "resnet_ap10")
    ]
    folder = lines.index(f"{tmp_path.name}/")
    assert lines[folder + 1] == "  result_rows.csv  images/"
    assert lines[-1].strip() == (
        "http://127.0.0.1:5000/#/experiments/7/runs?viewStateShareKey=accuracy"
    )


def test_every_line_fits_a_terminal_of_80_columns(places, tmp_path):
    with chdir(tmp_path.parent):
        assert max(map(len, summarise_run(places, TRACKED))) <= WIDTH == 80


def test_places_outside_the_working_directory_are_told_in_full(places, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with chdir(tmp_path / "elsewhere"):
        assert f"{tmp_path}/" in summarise_run(places, None)


def test_only_what_the_run_made_is_told(tmp_path):
    assert list(summarise_run({"latents": tmp_path / "latents"}, None)) == []


def test_pictures_and_tables_are_told_where_nothing_else_is_made(tmp_path):
    made = {"sweep_plot": tmp_path / "stop.png", "interactive_sweep_plot": tmp_path / "stop.json"}
    assert [line.strip() for line in summarise_run(made, None)][1:] == ["stop.png"]


def test_a_prior_is_told_with_what_was_measured_of_it(tmp_path):
    measured = {
        "reconstruction_metrics": {"psnr_test": 24.06},
        "judge_metrics": {"samples_recognised": 91.5},
        "memorisation_metrics": {"nearest_percent": 1.25},
    }
    for name, values in measured.items():
        (tmp_path / name).write_text(json.dumps(values))
    lines = [*summarise_run({name: tmp_path / name for name in measured}, None)]
    assert lines[:2] == ["PSNR 24.1 dB on test images", "91.5 % of samples are recognised"]
    assert lines[2].startswith("1.2 % are nearer to a train image")


def test_the_end_says_whether_anything_was_computed():
    kept, made = SaveReport(skipped=3), SaveReport(computed=1, skipped=2)
    assert describe_end({"latents": kept}, 3.0).startswith("up to date: nothing to compute")
    assert describe_end({"latents": kept, "modes": made}, 63.0) == "done in 1 min 3 s"
    assert describe_end({}, 3.0) == "done in 3 s"


def test_a_run_that_waited_for_another_was_not_up_to_date():
    kept, awaited = SaveReport(skipped=3), SaveReport(skipped=3, awaited=2)
    said = "done in 3 s: another process computed what was missing"
    assert describe_end({"latents": kept, "modes": awaited}, 3.0) == said


@pytest.mark.parametrize(
    ("store", "lines"),
    [
        (
            TRACKED.store,
            ["MLflow: kedro mlflow ui, then", "  http://127.0.0.1:5000/#/experiments/7/runs?"],
        ),
        (
            "sqlite:////other.db",
            [
                "MLflow: MLFLOW_TRACKING_URI=sqlite:////other.db kedro mlflow ui, then",
                "  http://127.0.0.1:5000/#/experiments/7/runs?",
            ],
        ),
        ("https://runs.org/all/", ["MLflow:", "  https://runs.org/all/#/experiments/7/runs?"]),
    ],
)
def test_the_store_is_named_that_the_run_is_in(store, lines):
    told = summarise_run({}, Tracked("7", store, store == TRACKED.store))
    assert [line.removesuffix("viewStateShareKey=accuracy") for line in told] == lines


def test_a_session_prints_it(copied, capsys):
    run(copied, "distill")
    printed = capsys.readouterr().out
    assert "top1_last" in printed
    folder = output(copied, "07_model_output").relative_to(copied)
    assert f"{folder}/\n  images/  provenance.csv\n" in printed
    assert "/runs?viewStateShareKey=accuracy" in printed


def test_what_a_prior_is_for_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/06_models/mine"
    folder.mkdir(parents=True)
    lines = [*summarise_run({"trained_prior": folder}, None)]
    assert lines == [
        "data/06_models/",
        "  mine/",
        "to draw images from it: --params model=data/06_models/mine",
    ]
