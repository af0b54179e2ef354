from dataclasses import replace
from functools import partial

import pytest
import torch
from judged import BENCHMARK, EVALUATION, JUDGE, split

from mgd3_kedro.checkpoint import Checkpoint
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.evaluation.state import State
from mgd3_kedro.pipelines.pretrain import judge


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


def test_it_sees_images_at_the_size_that_is_asked_for(monkeypatch, tmp_path):
    seen = []

    def built(name, num_classes, image_size):
        seen.append(image_size)
        return build_network(name, num_classes, image_size)

    monkeypatch.setattr("mgd3_kedro.evaluation.train.build_network", built)
    train, test = split(4, 0), split(2, 1)
    for wanted in (None, 24):
        asked = replace(JUDGE, epochs=1, image_size=wanted)
        made = judge.train_judge(BENCHMARK, train, test, tmp_path, EVALUATION, asked)
        images = {wnid: partition.load()[:] for wnid, partition in test.items()}
        assert made.recognise(images, BENCHMARK) == made.test_recognised
    assert seen == [16, 24]


def test_a_training_that_was_interrupted_goes_on(monkeypatch, tmp_path):
    at_once = partial(Checkpoint, seconds_between=0.0)
    monkeypatch.setattr(judge, "Checkpoint", at_once)
    train, test = split(4, 0), split(2, 1)
    asked = replace(JUDGE, epochs=3)
    first = judge.train_judge(BENCHMARK, train, test, tmp_path, EVALUATION, asked)

    def no_update(*_):
        raise AssertionError("all epochs have been trained")

    monkeypatch.setattr(State, "update", no_update)
    again = judge.train_judge(BENCHMARK, train, test, tmp_path, EVALUATION, asked)
    assert again.test_recognised == first.test_recognised
    weights = again.network.state_dict()
    for name, weight in first.network.state_dict().items():
        torch.testing.assert_close(weights[name], weight, rtol=0, atol=0)
    with pytest.raises(AssertionError, match="all epochs"):
        judge.train_judge(BENCHMARK, split(4, 2), test, tmp_path, EVALUATION, asked)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples_per_class", 0),
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
