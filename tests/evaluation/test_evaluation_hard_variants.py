"""The hard-label protocol with AdamW, with a strong augmentation, and with none."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from mgd3_kedro.evaluation import PROTOCOLS, train_network
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.rand_augment import OPERATIONS


@pytest.mark.parametrize(("ipc", "classes"), [(1, 10), (10, 10), (50, 100), (10, 1000)])
def test_only_what_papers_change_is_another(ipc, classes):
    plan = PROTOCOLS["hard"].defaults(ipc, classes, "resnet18")
    adamw = PROTOCOLS["hard_adamw"].defaults(ipc, classes, "resnet18")
    strong = PROTOCOLS["hard_strong"].defaults(ipc, classes, "resnet18")
    assert adamw == replace(plan, learning_rate=1e-3, weight_decay=0.01)
    assert strong == replace(plan, learning_rate=0.1, rand_augment_ops=1, rand_augment_magnitude=6)
    for name, changed in {
        "hard_adamw": ("defaults", "optimizer"),
        "hard_strong": ("defaults",),
        "hard_plain": ("defaults",),
    }.items():
        same = {key: getattr(PROTOCOLS["hard"], key) for key in changed}
        assert replace(PROTOCOLS[name], **same) == PROTOCOLS["hard"]


def test_weights_norms_and_biases_decay_alike(make_plan):
    network = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    plan = make_plan(learning_rate=0.1, weight_decay=0.5)
    optimizer = PROTOCOLS["hard_adamw"].optimizer(network, plan)
    assert isinstance(optimizer, torch.optim.AdamW)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.1, (0.9, 0.999), 0.5)
    before = [weights.detach().clone() for weights in network.parameters()]
    for weights in network.parameters():
        weights.grad = torch.zeros_like(weights)
    optimizer.step()
    for weights, start in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(weights.detach(), 0.95 * start)


def test_a_strong_batch_is_a_plain_one_after_one_operation_on_each_image(make_plan, make_data):
    recipe, data = PROTOCOLS["hard_strong"], make_data(30)
    still = {"flip_probability": 0.0, "crop_min_scale": 1.0, "batch_size": 8}

    def epoch(**changes):
        plan = make_plan(**still, **changes)
        batches = recipe.batches(data, 16, plan, torch.Generator().manual_seed(0))
        return torch.cat([batch.inputs for batch in batches])

    plain = epoch()
    strong = epoch(rand_augment_ops=1, rand_augment_magnitude=6)
    assert plain.shape == strong.shape == (90, 3, 16, 16)
    torch.testing.assert_close(plain.std(), normalize(data.images / 255).std(), rtol=0.1, atol=0.1)
    same = sum(torch.allclose(one, other) for one, other in zip(plain, strong, strict=True))
    # One of the operations leaves images as they are; some others leave these.
    assert 90 / len(OPERATIONS) / 4 < same < 45


def test_a_plain_batch_is_images_as_they_are(make_data):
    recipe, data = PROTOCOLS["hard_plain"], make_data(30)
    plan = recipe.defaults(10, 3, "convnet2")
    known = replace(PROTOCOLS["hard"].defaults(10, 3, "convnet2"), cutmix=False)
    assert replace(
        known, flip_probability=0, crop_min_scale=1, jitter_strength=0, lighting_std=0
    ) == (plan)
    batches = list(recipe.batches(data, 16, plan, torch.Generator().manual_seed(0)))
    inputs = torch.cat([batch.inputs for batch in batches])
    given = normalize(data.images / 255)
    apart = torch.cdist(inputs.flatten(1), given.flatten(1))
    places = apart.argmin(1)
    assert sorted(places.tolist()) == list(range(90))
    torch.testing.assert_close(inputs, given[places])
    targets = torch.cat([batch.targets for batch in batches])
    assert targets.argmax(1).tolist() == data.labels[places].tolist()
    assert targets.amax(1).eq(1).all()


@pytest.mark.parametrize("protocol", ["hard_adamw", "hard_plain", "hard_strong"])
def test_a_network_learns(protocol, make_config, make_data):
    result = train_network(
        make_data(10),
        make_data(20, seed=1),
        network="convnet2",
        ipc=10,
        config=make_config(protocol=protocol, epochs=20, validations=1, batch_size=10),
        seed=0,
    )
    assert result.top1_last > 80
