"""A new member of a family is a function and a line of its table; the rest follows by itself."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tiny_project import images_of, output, run

from mgd3_kedro.metrics import METRICS
from mgd3_kedro.modes import MODE_FINDERS
from mgd3_kedro.modes.clusters import Clusters
from mgd3_kedro.sampling.guidance import DRIFTS, Drift

ROWS = "hard-smoke/result_rows.csv"


def blow(step, scale, context):
    """Push all samples the same way."""
    return scale * step.pull * torch.ones_like(step.pred_original_sample)


def take_first(latents, config):
    """Take the first latents of a class as modes, and all others as members of the first."""
    points = latents.flatten(1).double().numpy()
    labels = np.zeros(len(points), dtype=np.int64)
    labels[: config.ipc] = range(config.ipc)
    return Clusters(labels, points[: config.ipc], np.zeros(config.ipc, dtype=bool))


def rows_of(project, words, method="mgd3"):
    """Return the rows of a run whose settings differ by these words."""
    folder = output(project, "08_reporting", f"{method},{words}" if words else method)
    return pd.read_csv(folder / ROWS, keep_default_na=False)


@pytest.fixture
def windy(copied, monkeypatch):
    """Add a drift: a line in its table, and one in the configuration."""
    monkeypatch.setitem(DRIFTS, "wind_scale", Drift(blow))
    path = copied / "conf/base/parameters.yml"
    text = path.read_text()
    path.write_text(
        text.replace("  repulsion_scale: 0\n", "  repulsion_scale: 0\n  wind_scale: 0\n")
    )
    assert yaml.safe_load(path.read_text())["sampling"]["wind_scale"] == 0
    return copied


def test_a_drift_is_told_in_rows_and_steers(windy):
    before = images_of(windy)
    run(windy, "distill", sampling={"wind_scale": 5.0})
    assert rows_of(windy, "wind_scale=5")["settings"].unique().tolist() == ["wind_scale=5"]
    assert images_of(windy, "mgd3,wind_scale=5") != before == images_of(windy)
    provenance = output(windy, "07_model_output", "mgd3,wind_scale=5") / "provenance.csv"
    assert pd.read_csv(provenance)["wind_scale"].unique().tolist() == [5.0]


def test_a_drift_that_is_off_leaves_everything_valid(windy, capsys):
    run(windy, "distill")
    assert "up to date: nothing to compute" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["unguided", "d4m", "minimax"])
def test_a_drift_is_off_for_methods_that_nothing_steers(method, windy, capsys):
    short = {"methods": {"minimax": {"epochs": 1}}}
    run(windy, "generate", method=method, **short)
    capsys.readouterr()
    run(windy, "generate", method=method, sampling={"wind_scale": 5.0}, **short)
    # The drift is no part of what the images are made from: they are found, not made again.
    assert "up to date: nothing to compute" in capsys.readouterr().out
    folder = windy / "data/07_model_output/mnist/test/dit/ipc2"
    (made,) = (path for path in folder.iterdir() if path.name.startswith(method))
    rows = pd.read_csv(made / "seed0/provenance.csv")
    assert rows["wind_scale"].unique().tolist() == [0.0]


def test_a_drift_that_is_not_there_is_no_parameter(copied):
    with pytest.raises(ValueError, match="unknown parameter of sampling 'wind_scale'"):
        run(copied, "distill", sampling={"wind_scale": 5.0})


def test_a_mode_finder_is_told_in_rows_and_leaves_other_modes_valid(copied, monkeypatch, capsys):
    monkeypatch.setitem(MODE_FINDERS, "first", take_first)
    run(copied, "distill")
    assert "up to date: nothing to compute" in capsys.readouterr().out
    run(copied, "distill", modes={"mode_finder": "first"})
    rows = rows_of(copied, "mode_finder=first")
    assert rows["settings"].unique().tolist() == ["mode_finder=first"]
    assert images_of(copied, "mgd3,mode_finder=first") != images_of(copied)


def test_a_metric_is_a_column_of_every_class(copied, monkeypatch):
    monkeypatch.setitem(METRICS, "real_images", lambda samples: float(len(samples.real)))
    run(copied, "distill")
    scores = pd.read_csv(output(copied, "08_reporting") / "diversity_scores.csv")
    assert scores["real_images"].tolist() == [16.0] * 10
