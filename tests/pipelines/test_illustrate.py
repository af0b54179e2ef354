import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tiny_project import run

from mgd3_kedro.pipelines.illustrate.nodes import (
    MixtureConfig,
    draw_mixture_samples,
    measure_mixture,
    sample_mixture,
)

MIXTURE = MixtureConfig(
    weights=[0.85, 0.05, 0.05, 0.05],
    std=0.25,
    shape=[4, 8, 8],
    samples=60,
    mode_guidance_scale=0.1,
    stop_guidance_step=25,
    num_inference_steps=50,
    sampler="ddpm",
    seed=0,
)


@pytest.fixture(scope="module")
def samples():
    return sample_mixture(MIXTURE)


def test_guidance_hits_every_mode_as_often_as_asked_for_and_keeps_the_spread(samples):
    measured = measure_mixture(samples, MIXTURE)
    assert [measured[f"guided/hits_of_mode_{mode}"] for mode in range(4)] == [15] * 4
    assert measured["unguided/hits_of_mode_0"] > 40
    guided = samples[samples["kind"] == "guided"]
    assert (guided["hit"] == guided["guided_to"]).all()
    # The exact denoiser with 50 steps narrows a mode as much with guidance as without.
    spreads = [measured[f"{kind}/relative_spread"] for kind in ("unguided", "guided")]
    assert spreads[1] == pytest.approx(spreads[0], abs=0.01)
    assert 0.7 < spreads[0] < 1


def test_guidance_to_the_end_squeezes_the_modes():
    strong = replace(MIXTURE, mode_guidance_scale=0.5, stop_guidance_step=0, samples=16)
    measured = measure_mixture(sample_mixture(strong), strong)
    assert measured["guided/relative_spread"] < 0.9 * measured["unguided/relative_spread"]


def test_rows_tell_where_samples_lie_in_the_plane_of_the_modes(samples):
    assert samples.groupby("kind").size().to_dict() == {"mode": 4, "unguided": 60, "guided": 60}
    modes = samples[samples["kind"] == "mode"]
    assert modes["hit"].tolist() == [0, 1, 2, 3]
    assert np.allclose(modes["deviation"], 0)
    assert np.allclose(modes[["x", "y"]].mean(), 0, atol=1e-5)
    # A sample lies in the plane beside the mode it hits, and not beside the others.
    centres = modes[["x", "y"]].to_numpy()
    guided = samples[samples["kind"] == "guided"]
    distances = np.linalg.norm(guided[["x", "y"]].to_numpy()[:, None] - centres, axis=2)
    assert (distances.argmin(axis=1) == guided["hit"]).mean() > 0.95


def test_the_figure_counts_the_hits(samples):
    figure = draw_mixture_samples(samples, MIXTURE.weights)
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert "15" in written


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5, 0.4]}, "weights: expected at least 2 that sum to 1, got"),
        ({"weights": [1.0]}, "weights: expected at least 2 that sum to 1, got"),
        ({"shape": [4, 8]}, "shape: expected channels, rows and columns, got"),
        ({"std": 0.0}, "std: expected"),
        ({"samples": 0}, "samples: expected"),
        ({"sampler": "ddqm"}, "sampler: expected one of"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(MIXTURE, **change)


def test_the_pipeline_leaves_rows_counts_and_a_picture(project):
    run(project, "illustrate", results="out", figures="drawn", mixture={"samples": 8})
    assert len(pd.read_csv(project / "out/mixture_samples.csv")) == 20
    metrics = json.loads((project / "out/mixture_metrics.json").read_text())
    assert sum(metrics[f"guided/hits_of_mode_{mode}"] for mode in range(4)) == 8
    assert (project / "drawn/mixture.png").stat().st_size > 5000
