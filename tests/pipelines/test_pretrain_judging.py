from dataclasses import replace

import torch
from judged import BENCHMARK, CLASSES, EVALUATION, JUDGE, split

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.pipelines.pretrain.judge import train_judge
from mgd3_kedro.pipelines.pretrain.judging import judge_samples
from mgd3_kedro.training.autoencoder import AutoencoderTrainingConfig, build_autoencoder
from mgd3_kedro.training.loop import Trained


def drawn():
    """Return an untrained autoencoder and latents of samples."""
    config = AutoencoderTrainingConfig(
        steps=1,
        batch_size=1,
        flip_probability=0.0,
        learning_rate=1.0,
        warmup_steps=0,
        weight_decay=0.0,
        ema_decay=0.0,
        precision="fp32",
        compile=False,
        seed=0,
        block_channels=(8, 8),
        latent_channels=4,
        kl_weight=0.0,
        given=None,
    )
    latents = {spec.wnid: torch.randn(6, 4, 8, 8) for spec in CLASSES}
    return Trained(build_autoencoder(config, 16).eval()), latents


def test_samples_and_test_images_are_named_by_the_same_network(tmp_path):
    autoencoder, latents = drawn()
    train, test = split(24, 0), split(10, 1)
    judge = train_judge(BENCHMARK, train, test, tmp_path, EVALUATION, replace(JUDGE, epochs=20))
    metrics, shown = judge_samples(BENCHMARK, test, autoencoder, latents, judge)
    assert metrics["test_recognised"] == 100
    # An untrained autoencoder draws one thing for both classes.
    assert metrics["samples_recognised"] == metrics["reconstructed_recognised"] == 50
    decoded = LatentAutoencoder(autoencoder.model.half().float(), 16).decode(latents["light"])
    assert (shown["light"] == decoded.permute(0, 2, 3, 1).numpy()).all()
    # The order in which classes are drawn does not matter.
    turned = dict(reversed(latents.items()))
    other = dict(reversed(test.items()))
    again, _ = judge_samples(BENCHMARK, other, autoencoder, turned, judge)
    assert again == metrics
