import copy
import math

import pytest
import torch
import torch.nn.functional as F

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import build_network, train_network
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.data import LabelledSet, TrainingBatch
from mgd3_kedro.evaluation.glad import GLAD, published_numbers, warmed_cosine_rate
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.scores import score
from mgd3_kedro.evaluation.state import State

CPU = torch.device("cpu")


def test_the_numbers_are_the_published_ones_with_a_lower_rate_for_vgg():
    plan = published_numbers(10, 10, "resnet18")
    assert (plan.epochs, plan.batch_size) == (1000, 256)
    assert (plan.momentum, plan.weight_decay) == (0.9, 5e-4)
    assert (plan.ema_decay, plan.cutmix) == (0.995, False)
    rates = {
        name: published_numbers(1, 10, name).learning_rate
        for name in ("alexnet", "vgg11", "resnet18", "vit")
    }
    assert rates == {"alexnet": 1e-3, "vgg11": 1e-4, "resnet18": 1e-3, "vit": 1e-3}


def test_the_rate_climbs_to_the_middle_and_falls_to_nearly_nothing(make_plan):
    plan = make_plan(epochs=1000, learning_rate=1e-3)
    rates = {epoch: warmed_cosine_rate(epoch, plan) for epoch in (1, 250, 500, 501, 751, 1000)}
    last = 1e-3 * (1 + math.cos(math.pi * 499 / 500)) / 2
    assert rates == pytest.approx({1: 2e-6, 250: 5e-4, 500: 1e-3, 501: 1e-3, 751: 5e-4, 1000: last})
    assert 0 < last < 1e-7


def test_the_rate_climbs_by_equal_steps_in_every_epoch_of_the_first_half(make_plan):
    plan = make_plan(epochs=10, learning_rate=1.0)
    rates = [warmed_cosine_rate(epoch, plan) for epoch in range(1, 11)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[5:] == sorted(rates[5:], reverse=True)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_even_the_shortest_training_has_a_rate(epochs, make_plan):
    plan = make_plan(epochs=epochs)
    assert all(0 < warmed_cosine_rate(epoch, plan) <= 0.01 for epoch in range(1, epochs + 1))


def test_the_average_follows_the_weights_slowly_and_the_statistics_at_once(make_plan):
    model = build_network("resnet18_bn", 3, 16)
    plan = make_plan(learning_rate=0.1, ema_decay=0.995)
    expected = [weights.detach().double().clone() for weights in model.parameters()]
    state = State.new(model, GLAD, plan)
    passes = Passes(model, PRECISIONS["fp32"], CPU)
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 4):
        inputs = torch.randn(4, 3, 16, 16, generator=generator)
        targets = F.one_hot(torch.tensor([0, 1, 2, 0])).float()
        state.update(passes, GLAD, plan, TrainingBatch(inputs, targets, slice(0, 4)), targets)
        kept = min(0.995, (1 + step) / (10 + step))
        for position, weights in enumerate(model.parameters()):
            moved = weights.detach().double()
            expected[position] = kept * expected[position] + (1 - kept) * moved
    for average, wanted in zip(state.average.parameters(), expected, strict=True):
        assert torch.allclose(average.double(), wanted, atol=1e-6)
    differ = zip(state.average.parameters(), model.parameters(), strict=True)
    assert all(not torch.equal(average, weights) for average, weights in differ)
    for kept, current in zip(state.average.buffers(), model.buffers(), strict=True):
        assert torch.equal(kept, current)


def test_the_average_is_what_is_tested_once_at_the_end(make_config, make_data):
    data, test = make_data(4), make_data(5, seed=1)
    heard = []

    def run(**changes):
        return train_network(
            data,
            test,
            network="convnet1",
            ipc=4,
            config=make_config(protocol="glad", epochs=6, learning_rate=0.05, **changes),
            seed=0,
            progress=lambda *told: heard.append(told),
        )

    result = run()
    assert [row["epoch"] for row in result.curve] == [6]
    assert [told[2] for told in heard] == [None] * 5 + result.curve
    logits = Passes(result.network, PRECISIONS["fp32"], CPU).classify(test.images)
    again = score(logits, test.labels)
    assert torch.equal(again.confusion, result.scores.confusion)
    assert again.calibration_error == result.scores.calibration_error
    # After six updates the average is still well behind the weights of the last one.
    assert not any(weights.requires_grad for weights in result.network.parameters())
    for averaged, trained in zip(
        result.network.parameters(), trained_weights(data, make_config), strict=True
    ):
        assert not torch.equal(averaged, trained)


@pytest.mark.parametrize(("probability", "mirrors"), [(0.5, True), (0.0, False)])
def test_images_are_not_mirrored_where_that_is_switched_off(probability, mirrors, make_config):
    data = LabelledSet(torch.zeros(1, 3, 16, 16, dtype=torch.uint8), torch.tensor([0]), 1)
    data.images[..., :3] = 255
    plan = make_config(protocol="glad", flip_probability=probability).plan(4, 3, "convnet1")
    flipped = normalize(data.images.flip(3).float() / 255)
    generator = torch.Generator().manual_seed(0)
    inputs = [next(GLAD.batches(data, 16, plan, generator)).inputs for _ in range(100)]
    assert any(torch.equal(one, flipped) for one in inputs) is mirrors


def test_settings_that_the_protocol_does_not_use_are_refused(make_config):
    for name, value in {"cutmix": True, "temperature": 2.0, "crop_min_scale": 0.5}.items():
        with pytest.raises(ValueError, match=f"{name}: expected null with the protocol glad"):
            make_config(protocol="glad", **{name: value})


def trained_weights(data, make_config):
    """Repeat that training by hand, and return its weights without averaging."""
    from mgd3_kedro.evaluation.labels import epoch_generator
    from mgd3_kedro.randomness import seeded_globals

    config = make_config(protocol="glad", epochs=6, learning_rate=0.05)
    plan = config.plan(4, 3, "convnet1")
    with seeded_globals(CPU, 0):
        model = build_network("convnet1", 3, 16)
    reference = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    for epoch in range(1, 7):
        optimizer.param_groups[0]["lr"] = warmed_cosine_rate(epoch, plan)
        for batch in GLAD.batches(data, 16, plan, epoch_generator(0, epoch)):
            optimizer.zero_grad()
            F.cross_entropy(model(batch.inputs), batch.targets).backward()
            optimizer.step()
    moved = zip(model.parameters(), reference.parameters(), strict=True)
    assert all(not torch.equal(after, before) for after, before in moved)
    return list(model.parameters())
