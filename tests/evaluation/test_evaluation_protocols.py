import itertools

import pytest
import torch

from mgd3_kedro.evaluation.protocols import PROTOCOLS


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_plans_batches_and_scores_a_training(name, make_config, make_data):
    config = make_config(protocol=name)
    recipe = PROTOCOLS[name]
    plan = recipe.plan(config, 4, 3)
    assert plan.epochs >= 1
    rates = [recipe.learning_rate(epoch, plan) for epoch in range(1, plan.epochs + 1)]
    assert rates[0] == plan.learning_rate
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))
    images, labels = make_data(4)
    generator = torch.Generator().manual_seed(0)
    batches = list(recipe.batches(images, labels, config, plan, 3, generator))
    assert sum(len(inputs) for inputs, _ in batches) == 12
    for inputs, targets in batches:
        assert inputs.shape[1:] == (3, 16, 16)
        assert targets.shape == (len(inputs), 3)
        right = torch.log(targets.clamp(min=1e-9))
        wrong = right.roll(1, dims=1)
        assert recipe.loss(right, targets) < recipe.loss(wrong, targets)
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = recipe.optimizer([weights], plan)
    weights.sum().backward()
    optimizer.step()
    assert (weights < 1).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("protocol", "harder"),
        ("preset", ""),
        ("preset", None),
        ("preset", "paper"),
        ("presets", {"test": 0}),
        ("presets", {"test": "1"}),
        ("presets", {"test": 1.0, "paper": -1.0}),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("momentum", -0.1),
        ("momentum", 1.1),
        ("weight_decay", -1e-4),
        ("batch_size", 0),
        ("batch_size", 12.5),
        ("cutmix", "yes"),
        ("flip_probability", 1.5),
        ("crop_min_scale", 0),
        ("crop_min_scale", 1.01),
        ("jitter_strength", -0.4),
        ("jitter_strength", 1.4),
        ("lighting_std", -1),
        ("validations", 0),
        ("validations", 2.5),
        ("precision", "fp16"),
        ("device", "gpu"),
        ("threads", 0),
    ],
)
def test_a_config_names_the_field_it_refuses(field, value, make_config):
    with pytest.raises(ValueError, match=field):
        make_config(**{field: value})


def test_rules_of_the_protocol_may_be_left_to_it(make_config):
    config = make_config(learning_rate=None, weight_decay=None, batch_size=None, threads=None)
    assert config.learning_rate is None
    assert config.threads is None


def test_the_preset_in_use_gives_the_share_of_the_epochs(make_config):
    presets = {"smoke": 0.01, "paper": 1.0}
    assert make_config(preset="smoke", presets=presets).epoch_scale == 0.01
    assert make_config(preset="paper", presets=presets).epoch_scale == 1.0


def test_an_unknown_preset_is_answered_with_the_known_ones(make_config):
    with pytest.raises(ValueError, match=r"unknown preset 'papr'.*paper, smoke.*mean 'paper'"):
        make_config(preset="papr", presets={"smoke": 0.01, "paper": 1.0})


def test_the_factor_to_blame_is_named(make_config):
    with pytest.raises(ValueError, match=r"presets\.paper: expected .*got -1\.0"):
        make_config(presets={"test": 1.0, "paper": -1.0})


def test_an_unknown_protocol_is_answered_with_the_known_ones(make_config):
    with pytest.raises(ValueError, match=r"unknown protocol 'herd'.*hard"):
        make_config(protocol="herd")
