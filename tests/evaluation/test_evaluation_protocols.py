import itertools

import pytest
import torch

from mgd3_kedro.evaluation import PROTOCOLS, build_network
from mgd3_kedro.pipelines.train_eval.labelling import LABELS


@pytest.fixture(params=PROTOCOLS)
def recipe(request):
    """Return each protocol in turn."""
    return PROTOCOLS[request.param]


@pytest.mark.parametrize(("ipc", "num_classes"), [(1, 10), (10, 100), (50, 1000)])
def test_every_protocol_has_a_number_for_everything(recipe, ipc, num_classes):
    plan = recipe.defaults(ipc, num_classes, "resnet18")
    assert min(plan.epochs, plan.batch_size, plan.learning_rate, plan.temperature) > 0
    assert 0 < plan.crop_min_scale <= 1
    assert recipe.labels in LABELS
    assert [recipe.resized_side(size) >= size for size in (224, 28)] == [True, True]


def test_the_rate_is_that_of_the_plan_at_its_highest_and_stays_above_nothing(recipe):
    plan = recipe.defaults(10, 10, "resnet18")
    rates = [recipe.learning_rate(epoch, plan) for epoch in range(1, plan.epochs + 1)]
    assert max(rates) == pytest.approx(plan.learning_rate)
    assert min(rates) > 0
    falling = rates[rates.index(max(rates)) :]
    assert all(later <= earlier for earlier, later in itertools.pairwise(falling))


def test_an_epoch_of_every_protocol_covers_each_image_once_in_batches_in_order(
    recipe, make_data, make_plan
):
    generator = torch.Generator().manual_seed(0)
    plan = make_plan(batch_size=5)
    batches = list(recipe.batches(make_data(4), 16, plan, generator))
    assert [batch.rows for batch in batches] == [slice(0, 5), slice(5, 10), slice(10, 12)]
    for batch in batches:
        length = batch.rows.stop - batch.rows.start
        assert batch.inputs.shape == (length, 3, 16, 16)
        assert batch.targets.shape == (length, 3)
        assert batch.inputs.isfinite().all()
    # Nothing is mixed: how often each class is the label says that no image came twice.
    assert sum(batch.targets.sum(0) for batch in batches).tolist() == [4, 4, 4]


def test_batches_of_every_protocol_are_a_function_of_the_generator_alone(
    recipe, make_data, make_plan
):
    def epoch(seed):
        torch.rand(3)
        generator = torch.Generator().manual_seed(seed)
        batches = recipe.batches(make_data(4), 16, make_plan(cutmix=True, batch_size=5), generator)
        return torch.cat([batch.inputs for batch in batches])

    assert torch.equal(epoch(0), epoch(0))
    assert not torch.equal(epoch(0), epoch(1))


def test_the_loss_of_every_protocol_prefers_the_right_logits(recipe, make_plan):
    shares = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    right = shares.log()
    targets = shares if recipe.labels == "given" else right
    plan = make_plan(temperature=2.0)
    best = recipe.loss(right, targets, plan)
    assert best.shape == (2,)
    for turns in (1, 2):
        assert (best < recipe.loss(right.roll(turns, dims=1), targets, plan)).all()


def test_the_optimiser_of_every_protocol_goes_down(recipe, make_plan):
    network = build_network("convnet1", 3, 8)
    before = [weights.detach().clone() for weights in network.parameters()]
    optimizer = recipe.optimizer(network, make_plan(weight_decay=0.0))
    sum(weights.sum() for weights in network.parameters()).backward()
    optimizer.step()
    after = list(network.parameters())
    held = [weights for group in optimizer.param_groups for weights in group["params"]]
    assert len(held) == len(after)
    for old, new in zip(before, after, strict=True):
        assert (new < old).all()
