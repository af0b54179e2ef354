import pytest
import torch

from mgd3_kedro.evaluation import LabelledSet
from mgd3_kedro.evaluation.hard_label import (
    HARD_LABEL,
    cross_entropy,
    epochs_for,
    milestones,
    mixed_batches,
    published_numbers,
    sgd,
    stepped_rate,
)
from mgd3_kedro.evaluation.labels import epoch_generator


@pytest.mark.parametrize(
    ("ipc", "epochs", "epochs_of_hundred"),
    [
        (1, 3000, 2000),
        (2, 2000, 1300),
        (10, 2000, 1300),
        (11, 1500, 1000),
        (50, 1500, 1000),
        (51, 1000, 600),
        (200, 1000, 600),
        (201, 500, 300),
        (500, 500, 300),
        (501, 300, 200),
    ],
)
def test_epochs_follow_the_published_table_with_a_rule_for_exactly_100_classes(
    ipc, epochs, epochs_of_hundred
):
    assert epochs_for(ipc, 10) == epochs
    assert epochs_for(ipc, 99) == epochs
    assert epochs_for(ipc, 100) == epochs_of_hundred
    assert epochs_for(ipc, 101) == epochs
    assert epochs_for(ipc, 1000) == epochs


@pytest.mark.parametrize(("ipc", "num_classes"), [(0, 10), (10, 0), (1.5, 10)])
def test_epochs_of_no_images_or_no_classes_are_refused(ipc, num_classes):
    with pytest.raises(ValueError, match=r"ipc|num_classes"):
        epochs_for(ipc, num_classes)


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(3000, (2000, 2500)), (2000, (1333, 1666)), (1300, (866, 1083)), (300, (200, 250))],
)
def test_milestones_are_two_thirds_and_five_sixths(epochs, expected):
    assert milestones(epochs) == expected


def test_the_rate_drops_to_a_fifth_after_each_milestone_and_not_before(make_plan):
    plan = make_plan(epochs=300)
    rates = {epoch: stepped_rate(epoch, plan) for epoch in (1, 200, 201, 250, 251, 300)}
    assert rates == pytest.approx(
        {1: 0.01, 200: 0.01, 201: 0.002, 250: 0.002, 251: 0.0004, 300: 0.0004}
    )


def test_the_rate_equals_that_of_pytorchs_scheduler(make_plan):
    plan = make_plan(epochs=47)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2 * 47 // 3, 5 * 47 // 6], 0.2)
    for epoch in range(1, 48):
        assert stepped_rate(epoch, plan) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_a_single_epoch_runs_at_the_full_rate(make_plan):
    assert stepped_rate(1, make_plan(epochs=1)) == 0.01


def test_the_numbers_are_the_published_ones(make_plan):
    published = {
        "epochs": 1300,
        "learning_rate": 0.01,
        "weight_decay": 5e-4,
        "cutmix": True,
        "jitter_strength": 0.4,
        "lighting_std": 0.1,
    }
    few = make_plan(**published)
    many = make_plan(
        **{**published, "epochs": 2000, "learning_rate": 0.1, "weight_decay": 1e-4},
        batch_size=128,
    )
    assert published_numbers(10, 100, "convnet6") == few
    assert published_numbers(10, 101, "resnet18") == many


def test_every_weight_decays_norms_and_biases_too(make_plan):
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    before = [weights.detach().clone() for weights in network.parameters()]
    optimizer = sgd(network, make_plan(learning_rate=0.5, weight_decay=0.2))
    sum((0 * weights).sum() for weights in network.parameters()).backward()
    optimizer.step()
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.allclose(new, 0.9 * old)


def test_an_epoch_shows_every_image_once_with_its_label(make_plan):
    values = torch.arange(0, 220, 20, dtype=torch.uint8)
    images = values[:, None, None, None].expand(-1, 3, 8, 8)
    data = LabelledSet(images, torch.arange(11) % 4, 4)
    generator = torch.Generator().manual_seed(0)
    batches = list(mixed_batches(data, 8, make_plan(batch_size=4), generator))
    assert [len(batch.inputs) for batch in batches] == [4, 4, 3]
    inputs = torch.cat([batch.inputs for batch in batches])
    targets = torch.cat([batch.targets for batch in batches])
    seen = ((inputs[:, 0, 0, 0] * 0.229 + 0.485) * 255 / 20).round().long()
    assert seen.tolist() != list(range(11))
    assert sorted(seen.tolist()) == list(range(11))
    assert torch.equal(targets, torch.eye(4)[data.labels[seen]])


def test_every_sample_of_an_epoch_is_changed_in_its_own_way(make_plan):
    images = torch.full((10, 3, 8, 8), 100, dtype=torch.uint8)
    data = LabelledSet(images, torch.zeros(10, dtype=torch.int64), 1)
    generator = torch.Generator().manual_seed(0)
    plan = make_plan(batch_size=3, jitter_strength=0.4, lighting_std=0.1)
    batches = mixed_batches(data, 8, plan, generator)
    colours = {round(value, 5) for batch in batches for value in batch.inputs[:, 0, 0, 0].tolist()}
    assert len(colours) == 10


def test_a_mixed_batch_holds_two_images_in_the_shares_of_its_targets(make_plan):
    images = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 16, 16)
    data = LabelledSet(images, torch.tensor([0, 1]), 2)
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(20):
        for batch in mixed_batches(data, 16, make_plan(cutmix=True), generator):
            white = ((batch.inputs[:, 0] * 0.229 + 0.485) > 0.5).float().mean((1, 2))
            assert torch.allclose(batch.targets[:, 1], white, atol=1e-5)
            shares.append(white)
    assert len({round(share, 3) for share in torch.cat(shares).tolist()}) > 5


def test_mixed_images_count_for_their_shares_of_both_weights(make_plan):
    images = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 16, 16)
    data = LabelledSet(images, torch.tensor([0, 1]), 2, torch.tensor([0.5, 1.5]))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        for batch in mixed_batches(data, 16, make_plan(cutmix=True), generator):
            white = ((batch.inputs[:, 0] * 0.229 + 0.485) > 0.5).float().mean((1, 2))
            assert torch.allclose(batch.weights, 0.5 + white, atol=1e-5)
            assert torch.allclose(batch.targets[:, 1], 1.5 * white / (0.5 + white), atol=1e-5)
            assert torch.allclose(batch.targets.sum(1), torch.ones(2))


@pytest.mark.parametrize("side", [8, 24])
def test_batches_are_of_the_size_that_the_network_sees_whatever_the_images_have(
    side, make_data, make_plan
):
    (batch,) = mixed_batches(make_data(2, size=side), 16, make_plan(), epoch_generator(0, 1))
    assert batch.inputs.shape == (6, 3, 16, 16)


def test_patches_are_shuffled_before_the_crop_if_the_plan_says_so(make_plan):
    images = torch.zeros(8, 3, 8, 8, dtype=torch.uint8)
    images[:, :, :4, :4] = 255
    data = LabelledSet(images, torch.zeros(8, dtype=torch.int64), 1)
    plain = {"crop_min_scale": 1.0, "flip_probability": 0.0}

    def brightest(factor):
        plan = make_plan(factor=factor, **plain)
        (batch,) = mixed_batches(data, 8, plan, epoch_generator(0, 1))
        quarters = batch.inputs[:, 0].unfold(1, 4, 4).unfold(2, 4, 4).mean((3, 4)).flatten(1)
        return set(quarters.argmax(1).tolist())

    assert brightest(1) == {0}
    assert len(brightest(2)) > 1


def test_the_batches_of_an_epoch_are_a_function_of_seed_and_epoch_alone(make_data, make_plan):
    def epoch(seed, number):
        plan = make_plan(cutmix=True, batch_size=5, jitter_strength=0.4)
        batches = mixed_batches(make_data(3), 16, plan, epoch_generator(seed, number))
        return torch.cat([batch.inputs for batch in batches])

    first, second = epoch(0, 1), epoch(0, 2)
    assert torch.equal(epoch(0, 2), second)
    assert torch.equal(epoch(0, 1), first)
    others = (second, epoch(1, 1), epoch(2, 0), epoch(1, 0))
    assert not any(torch.equal(first, other) for other in others)


def test_the_loss_is_the_cross_entropy_with_shares_of_classes(make_plan):
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
    targets = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    losses = cross_entropy(logits, targets, make_plan()).tolist()
    for row, shares, loss in zip(logits.double(), targets.double(), losses, strict=True):
        total = sum(value.exp() for value in row)
        pairs = zip(shares, row, strict=True)
        expected = -sum(share * (value.exp() / total).log() for share, value in pairs)
        assert loss == pytest.approx(float(expected))


def test_what_the_protocol_fixes_beyond_numbers():
    assert (HARD_LABEL.labels, HARD_LABEL.fitted) == ("given", True)
    assert HARD_LABEL.resized_side(224) == 224
    assert not HARD_LABEL.tested_once
