"""How what nodes make is logged."""

import re
from pathlib import Path

import mlflow
import pandas as pd
import plotly.graph_objects as go
import pytest
from kedro_datasets.json import JSONDataset
from mlflow.tracking import MlflowClient

from mgd3_kedro.tracking.outputs import log_output


def test_outputs_are_logged_as_their_metadata_says(active, logged, tmp_path):
    curve = pd.DataFrame(
        {
            "training": ["a", "a", "b"],
            "step": [1, 5, 1],
            "loss": [3.0, 2.0, 4.0],
            "top1": [10, 20, 30],
        }
    )
    (tmp_path / "rows.csv").write_text("1,2")
    log_output(active, "metrics", "modes_metrics", {"inertia": 2.5}, None)
    log_output(active, "curve", "curves", curve, None)
    log_output(active, "artifact", "rows", None, JSONDataset(filepath=str(tmp_path / "rows.csv")))
    log_output(active, None, "anything", object(), None)
    metrics = logged().data.metrics
    assert metrics["modes/inertia"] == 2.5
    assert {name: metrics[name] for name in metrics if name.startswith("curves/")} == {
        "curves/a/loss": 2.0,
        "curves/a/top1": 20.0,
        "curves/b/loss": 4.0,
        "curves/b/top1": 30.0,
    }
    history = MlflowClient().get_metric_history(mlflow.active_run().info.run_id, "curves/a/loss")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (5, 2.0)]
    kept = Path(mlflow.active_run().info.artifact_uri, "rows.csv")
    assert kept.read_text(encoding="utf-8") == "1,2"


def test_metadata_that_name_no_way_of_logging_are_refused(active):
    message = r"metadata\.mlflow of rows: expected \['artifact', .*\], got 'table'"
    with pytest.raises(ValueError, match=message):
        log_output(active, "table", "rows", None, None)


def test_a_figure_is_a_page_that_needs_no_network(active, tmp_path):
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))
    log_output(
        active, "figure", "plane", figure, JSONDataset(filepath=str(tmp_path / "plane.json"))
    )
    page = Path(mlflow.active_run().info.artifact_uri, "plane.html").read_text(encoding="utf-8")
    assert "<html>" in page[:100]
    assert not re.search(r"<(script|link)[^>]*(src|href)=.?http", page)


def test_the_accuracy_of_the_first_network_has_no_other_words_in_its_name(active, logged):
    rows = pd.DataFrame(
        {
            "network": ["resnet18", "resnet18", "convnet6"],
            "top1_last": [60.0, 62.0, 50.0],
            "top1_best": [61.0, 63.0, None],
        }
    )
    log_output(active, "headline", "result_rows", rows, None)
    assert logged().data.metrics == {"top1_last": 61.0, "top1_best": 62.0}


def test_where_no_training_finished_there_is_no_accuracy(active, logged):
    rows = pd.DataFrame({"network": ["a"], "top1_last": [None], "top1_best": [None]}, dtype=object)
    log_output(active, "headline", "result_rows", rows, None)
    assert logged().data.metrics == {}
