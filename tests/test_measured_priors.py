"""What is said of the time of a prior, before any of it is made."""

from types import SimpleNamespace

import pytest
import torch
from judged import EVALUATION, JUDGE

from mgd3_kedro import measured_priors, timing
from mgd3_kedro.pipelines.pretrain.tuning import SEEDS, TuningConfig
from mgd3_kedro.timing import SAMPLES, time_network
from mgd3_kedro.training.autoencoder import AutoencoderTrainingConfig
from mgd3_kedro.training.denoiser import DenoiserConfig

LOOP = {
    "steps": 10,
    "batch_size": 4,
    "flip_probability": 0.5,
    "learning_rate": 1e-3,
    "warmup_steps": 0,
    "weight_decay": 0.0,
    "ema_decay": 0.9,
    "precision": "bf16",
    "compile": False,
    "seed": 0,
}
AUTOENCODER = AutoencoderTrainingConfig(
    **LOOP, block_channels=[8, 8], latent_channels=2, kl_weight=0.0, given=None
)
DENOISER = DenoiserConfig(
    **LOOP,
    layers=1,
    heads=1,
    head_dim=8,
    patch_size=2,
    class_dropout=0.1,
    prediction_type="sample",
    snr_gamma=None,
    snr_floor=None,
    log_sigma_mean=None,
    log_sigma_std=None,
)
INPUTS = {
    "benchmark": SimpleNamespace(image_size=8, classes=[1, 2, 3]),
    "train_images": {name: SimpleNamespace(count=count) for name, count in (("a", 5), ("b", 7))},
    "params:device": "cpu",
    "params:diffusion": SimpleNamespace(device="cpu", precision="bf16", num_inference_steps=50),
    "params:evaluation": EVALUATION,
    "params:pretrain.autoencoder": AUTOENCODER,
    "params:pretrain.denoiser": DENOISER,
    "params:pretrain.judge": JUDGE,
    "params:pretrain.tuning": TuningConfig([1.0, 2.0], 5, "convnet1", 4),
}


@pytest.fixture
def clock(monkeypatch):
    """Have every call take a second, after it was really made."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(seconds)))
    monkeypatch.setattr(timing, "LONG_ENOUGH", 5.0)


@pytest.mark.parametrize("name", ["autoencoder", "denoiser"])
def test_a_training_takes_its_updates_of_batches(name, clock):
    seconds = getattr(measured_priors, f"measure_{name}")(INPUTS.__getitem__)
    # A second for a batch of SAMPLES forth and back, one for the update of the weights.
    assert seconds == pytest.approx((LOOP["batch_size"] / SAMPLES + 1) * LOOP["steps"])


def test_a_given_autoencoder_takes_no_training():
    given = SimpleNamespace(given="somewhere")
    inputs = {**INPUTS, "params:pretrain.autoencoder": given}
    assert measured_priors.measure_autoencoder(inputs.__getitem__) == 0


def test_samples_are_drawn_with_and_without_a_class_at_every_step(clock):
    seconds = measured_priors.measure_judged(INPUTS.__getitem__)
    assert seconds == pytest.approx(JUDGE.samples_per_class * 3 * 50 * 2 / SAMPLES)


def test_a_guidance_scale_takes_samples_and_networks(clock):
    seconds = measured_priors.measure_tuning(INPUTS.__getitem__)
    of_sample = 50 * 2 / SAMPLES + 4 * len(SEEDS) / SAMPLES
    assert seconds == pytest.approx(2 * 5 * 3 * of_sample)


def test_the_judge_sees_all_images_in_every_epoch(clock):
    epochs = JUDGE.schooling(EVALUATION).plan(7, 2, JUDGE.network).epochs
    seconds = measured_priors.measure_judge(INPUTS.__getitem__)
    assert seconds == pytest.approx((5 + 7) * epochs / SAMPLES)


def test_a_network_is_timed_with_the_threads_of_its_training(monkeypatch):
    seen = []

    def look(function):
        function()
        seen.append(torch.get_num_threads())
        return 0.0

    monkeypatch.setattr(timing, "time_samples", look)
    before = torch.get_num_threads()
    config = SimpleNamespace(
        device="cpu", threads=before + 1, number_format=EVALUATION.number_format
    )
    time_network("convnet1", 2, 8, config)
    assert seen == [before + 1] * 2
    assert torch.get_num_threads() == before
