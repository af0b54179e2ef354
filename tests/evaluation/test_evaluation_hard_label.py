import pytest
import torch

from mgd3_kedro.evaluation.hard_label import (
    epochs_for,
    milestones,
    mixed_batches,
    plan_training,
    stepped_rate,
)
from mgd3_kedro.evaluation.recipe import Plan


def make_plan(epochs=100, batch_size=64, learning_rate=0.01):
    return Plan(epochs, batch_size, learning_rate, weight_decay=0.0, momentum=0.9)


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


def test_the_rate_drops_to_a_fifth_after_each_milestone_and_not_before():
    plan = make_plan(epochs=300)
    rates = {epoch: stepped_rate(epoch, plan) for epoch in (1, 200, 201, 250, 251, 300)}
    assert rates == pytest.approx(
        {1: 0.01, 200: 0.01, 201: 0.002, 250: 0.002, 251: 0.0004, 300: 0.0004}
    )


def test_the_rate_equals_that_of_pytorchs_scheduler():
    plan = make_plan(epochs=47)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2 * 47 // 3, 5 * 47 // 6], 0.2)
    for epoch in range(1, 48):
        assert stepped_rate(epoch, plan) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_a_single_epoch_runs_at_the_full_rate():
    assert stepped_rate(1, make_plan(epochs=1)) == 0.01


def test_rate_decay_and_batch_size_come_from_the_number_of_classes(make_config):
    few = plan_training(make_config(presets={"test": 1.0}), 10, 100)
    many = plan_training(make_config(presets={"test": 1.0}), 10, 101)
    assert few == Plan(1300, 64, 0.01, 5e-4, 0.9)
    assert many == Plan(2000, 128, 0.1, 1e-4, 0.9)


def test_settings_of_the_config_override_the_rules(make_config):
    config = make_config(
        presets={"test": 0.25}, learning_rate=0.5, weight_decay=0.0, batch_size=7, momentum=0.0
    )
    assert plan_training(config, 1, 10) == Plan(750, 7, 0.5, 0.0, 0.0)


def test_a_training_has_at_least_one_epoch(make_config):
    assert plan_training(make_config(presets={"test": 1e-6}), 1, 10).epochs == 1


def test_an_epoch_shows_every_image_once_with_its_label(make_config):
    plain = make_config(cutmix=False, jitter_strength=0.0, lighting_std=0.0)
    values = torch.arange(0, 220, 20, dtype=torch.uint8)
    images = values[:, None, None, None].expand(-1, 3, 8, 8)
    labels = torch.arange(11) % 4
    generator = torch.Generator().manual_seed(0)
    batches = list(mixed_batches(images, labels, plain, make_plan(batch_size=4), 4, generator))
    assert [len(inputs) for inputs, _ in batches] == [4, 4, 3]
    inputs = torch.cat([inputs for inputs, _ in batches])
    targets = torch.cat([targets for _, targets in batches])
    seen = ((inputs[:, 0, 0, 0] * 0.229 + 0.485) * 255 / 20).round().long()
    assert seen.tolist() != list(range(11))
    assert sorted(seen.tolist()) == list(range(11))
    assert torch.equal(targets, torch.eye(4)[labels[seen]])


def test_every_sample_of_an_epoch_is_changed_in_its_own_way(make_config):
    config = make_config(cutmix=False)
    images = torch.full((10, 3, 8, 8), 100, dtype=torch.uint8)
    labels = torch.zeros(10, dtype=torch.int64)
    generator = torch.Generator().manual_seed(0)
    batches = mixed_batches(images, labels, config, make_plan(batch_size=3), 1, generator)
    colours = {round(value, 5) for inputs, _ in batches for value in inputs[:, 0, 0, 0].tolist()}
    assert len(colours) == 10


def test_a_mixed_batch_holds_two_images_in_the_shares_of_its_targets(make_config):
    config = make_config(jitter_strength=0.0, lighting_std=0.0)
    images = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 16, 16)
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(20):
        labels = torch.tensor([0, 1])
        batches = mixed_batches(images, labels, config, make_plan(), 2, generator)
        for inputs, targets in batches:
            white = ((inputs[:, 0] * 0.229 + 0.485) > 0.5).float().mean((1, 2))
            assert torch.allclose(targets[:, 1], white, atol=1e-5)
            shares.append(white)
    assert len({round(share, 3) for share in torch.cat(shares).tolist()}) > 5


def test_batches_are_a_function_of_the_generator_alone(make_config, make_data):
    images, labels = make_data(3)

    def epoch(seed):
        generator = torch.Generator().manual_seed(seed)
        return next(mixed_batches(images, labels, make_config(), make_plan(), 3, generator))

    assert torch.equal(epoch(0)[0], epoch(0)[0])
    assert not torch.equal(epoch(0)[0], epoch(1)[0])
