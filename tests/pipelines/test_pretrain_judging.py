from dataclasses import replace

import pytest
import torch

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.evaluation import EvaluationConfig
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.pipelines.pretrain.judging import JudgeConfig, judge_samples
from mgd3_kedro.records import Benchmark, ClassSpec
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.autoencoder import AutoencoderConfig, build_autoencoder
from mgd3_kedro.training.loop import Trained

JUDGE = JudgeConfig(
    samples_per_class=6,
    guidance_scale=1.0,
    network="convnet1",
    epoch_scale=0.01,
    epochs=None,
    learning_rate=0.02,
    batch_size=None,
    image_size=None,
    crop_min_scale=None,
    precision=None,
)
LEFT_TO_THE_PROTOCOL = (
    *("image_size", "learning_rate", "momentum", "weight_decay", "temperature", "factor"),
    *("jitter_strength", "lighting_std"),
)
EVALUATION = EvaluationConfig(
    protocol="soft",
    preset="paper",
    presets={"paper": 1.0},
    epochs=7,
    batch_size=50,
    cutmix=True,
    flip_probability=0.25,
    crop_min_scale=0.7,
    validations=10,
    precision="fp32",
    compile=False,
    device="cpu",
    threads=1,
    **dict.fromkeys(LEFT_TO_THE_PROTOCOL),
)
CLASSES = (ClassSpec(0, "dark", 0, "dark"), ClassSpec(1, "light", 1, "light"))
BENCHMARK = Benchmark("some", 16, CLASSES)


def test_the_judge_is_trained_as_evaluations_are_but_with_hard_labels_and_without_mixing():
    plan = JUDGE.schooling(EVALUATION).plan(400, 10, "convnet3")
    assert (plan.epochs, plan.learning_rate, plan.cutmix) == (5, 0.02, False)
    assert (plan.batch_size, plan.flip_probability, plan.crop_min_scale) == (50, 0.25, 0.7)
    assert JUDGE.schooling(EVALUATION).protocol == "hard"


def test_what_the_judge_has_of_its_own_comes_first():
    own = replace(JUDGE, epochs=45, batch_size=128, crop_min_scale=0.35, precision="bf16")
    schooling = own.schooling(EVALUATION)
    plan = schooling.plan(950, 10, "resnet18_bn")
    assert (plan.epochs, plan.batch_size, plan.crop_min_scale) == (45, 128, 0.35)
    assert schooling.precision == "bf16"
    assert plan.flip_probability == 0.25


def test_it_sees_images_at_the_size_that_is_asked_for(monkeypatch):
    seen = []

    def built(name, num_classes, image_size):
        seen.append(image_size)
        return build_network(name, num_classes, image_size)

    monkeypatch.setattr("mgd3_kedro.evaluation.train.build_network", built)
    for wanted in (None, 24):
        judged = replace(JUDGE, epochs=1, image_size=wanted)
        judge_samples(BENCHMARK, split(4, 0), split(2, 1), *drawn(), EVALUATION, judged)
    assert seen == [16, 24]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples_per_class", 0),
        ("guidance_scale", -1.0),
        ("network", "resnet19"),
        ("epoch_scale", 0.0),
        ("epochs", 0),
        ("learning_rate", 0.0),
        ("batch_size", 1.5),
        ("image_size", 0),
        ("crop_min_scale", 0.0),
        ("precision", "fp16"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        replace(JUDGE, **{field: value})


def split(count, seed):
    """Return dark and light images of noise, as partitions."""
    generator = torch.Generator().manual_seed(seed)

    def images(low):
        made = torch.randint(low, low + 60, (count, 3, 16, 16), generator=generator)
        return made.to(torch.uint8)

    made = {"dark": images(0), "light": images(190)}
    return {
        wnid: Partition(lambda of_class=of_class: of_class, wnid, count)
        for wnid, of_class in made.items()
    }


def drawn():
    """Return an untrained autoencoder and latents of samples."""
    config = AutoencoderConfig(
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


def test_samples_and_test_images_are_named_by_the_same_network():
    autoencoder, latents = drawn()
    train, test = split(24, 0), split(10, 1)
    metrics, shown = judge_samples(
        BENCHMARK,
        train,
        test,
        autoencoder,
        latents,
        EVALUATION,
        replace(JUDGE, epochs=20),
    )
    assert metrics["test_recognised"] == 100
    # An untrained autoencoder draws one thing for both classes.
    assert metrics["samples_recognised"] == metrics["reconstructed_recognised"] == 50
    decoded = LatentAutoencoder(autoencoder.model.half().float(), 16).decode(latents["light"])
    assert (shown["light"] == decoded.permute(0, 2, 3, 1).numpy()).all()
    # The order in which classes are drawn does not matter.
    turned = dict(reversed(latents.items()))
    again, _ = judge_samples(
        BENCHMARK,
        train,
        dict(reversed(test.items())),
        autoencoder,
        turned,
        EVALUATION,
        replace(JUDGE, epochs=20),
    )
    assert again == metrics
