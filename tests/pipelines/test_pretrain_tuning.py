from dataclasses import replace

import pandas as pd
import pytest
import torch
from judged import BENCHMARK, EVALUATION, JUDGE, split
from tiny_pretraining import AUTOENCODER, DENOISER

from mgd3_kedro.pipelines.pretrain import tuning
from mgd3_kedro.pipelines.pretrain.drawing import draw_latents, sample_without_modes
from mgd3_kedro.training.autoencoder import build_autoencoder
from mgd3_kedro.training.denoiser import build_denoiser
from mgd3_kedro.training.loop import Trained

TUNING = tuning.TuningConfig([1.0, 3.0], 3, "convnet1", 2)


@pytest.fixture
def prior():
    """Return an untrained autoencoder and denoiser of two classes."""
    denoiser = build_denoiser(DENOISER, (4, 8, 8), 2)
    for weights in denoiser.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    return Trained(build_autoencoder(AUTOENCODER, 16).eval()), Trained(denoiser.eval())


@pytest.fixture
def diffusion(make_diffusion):
    """Return how samples are drawn, in four steps."""
    return make_diffusion(num_inference_steps=4, cfg_channels=None)


@pytest.fixture
def tune(prior, diffusion, tmp_path):
    """Tune the prior on some images."""

    def tune(images, config=TUNING, evaluation=EVALUATION):
        given = (*prior, tmp_path, DENOISER, diffusion, evaluation, config)
        return tuning.tune_guidance(BENCHMARK, images, *given)

    return tune


def test_every_scale_is_tried_with_two_seeds_and_the_best_is_chosen(tune):
    table, chosen = tune(split(8, 0))
    assert table.columns.tolist() == ["guidance_scale", "seed", "top1_last"]
    tried = list(zip(table["guidance_scale"], table["seed"], strict=True))
    assert tried == [(1.0, 0), (1.0, 1), (3.0, 0), (3.0, 1)]
    assert table["top1_last"].between(0, 100).all()
    assert chosen == {"guidance_scale": tuning.best_scale(table)}


def test_networks_learn_from_samples_and_are_tested_on_images_all_over_the_class(tune, monkeypatch):
    calls = []
    real = tuning.train_network

    def recorded(data, test, **settings):
        calls.append((data, test, settings))
        return real(data, test, **settings)

    monkeypatch.setattr(tuning, "train_network", recorded)
    monkeypatch.setattr(tuning, "TESTED_PER_CLASS", 4)
    images = split(8, 0)
    tune(images)
    expected = torch.cat([images[wnid].load()[::2] for wnid in BENCHMARK.wnids])
    assert all((test.images == expected).all() for _, test, _ in calls)
    assert {len(data.images) for data, _, _ in calls} == {6}
    # Both seeds see the same samples, other scales give others.
    assert (calls[0][0].images == calls[1][0].images).all()
    assert (calls[0][0].images != calls[2][0].images).any()
    (schooling,) = {repr(settings["config"]) for _, _, settings in calls}
    assert "protocol='hard'" in schooling
    assert "epochs=2" in schooling


def test_samples_are_judged_at_the_scale_that_was_chosen(prior, diffusion):
    _, denoiser = prior
    chosen = {"guidance_scale": 3.0}
    drawn = draw_latents(BENCHMARK, denoiser, DENOISER, diffusion, chosen, JUDGE)
    at_three = replace(diffusion, guidance_scale=3.0)
    same = sample_without_modes(BENCHMARK, denoiser, DENOISER, at_three, JUDGE.samples_per_class)
    other = sample_without_modes(BENCHMARK, denoiser, DENOISER, diffusion, JUDGE.samples_per_class)
    assert all((drawn[wnid] == same[wnid]).all() for wnid in BENCHMARK.wnids)
    assert all((drawn[wnid] != other[wnid]).any() for wnid in BENCHMARK.wnids)


def test_the_best_scale_is_that_of_the_highest_mean_and_the_lowest_of_equals():
    rows = [(4.0, 60.0), (4.0, 40.0), (1.0, 70.0), (1.0, 20.0), (2.0, 50.0), (2.0, 50.0)]
    table = pd.DataFrame(rows, columns=["guidance_scale", "top1_last"])
    assert tuning.best_scale(table) == 2.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("guidance_scales", []),
        ("guidance_scales", "1"),
        ("guidance_scales", [1.0, 1.0]),
        ("guidance_scales", [-1.0]),
        ("samples_per_class", 0),
        ("network", "resnet19"),
        ("epochs", 0),
    ],
)
def test_a_setting_that_does_not_fit_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        replace(TUNING, **{field: value})
