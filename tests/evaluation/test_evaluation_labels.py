import pytest
import torch
from torch import nn

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import PROTOCOLS, build_network, train_network
from mgd3_kedro.evaluation.data import TrainingBatch
from mgd3_kedro.evaluation.labels import (
    StoredLabels,
    TeacherLabels,
    epoch_generator,
    own_targets,
    record_labels,
)
from mgd3_kedro.evaluation.passes import Passes

CPU = torch.device("cpu")


@pytest.fixture
def teacher():
    """Return an untrained network that says clearly different things of different images."""
    network = build_network("convnet1", 3, 16)
    with torch.no_grad():
        network.classifier.weight.mul_(3)
    return Passes(network.eval().requires_grad_(False), PRECISIONS["fp32"], CPU)


@pytest.fixture
def stored(teacher, make_data, make_plan):
    """Return a recipe, its plan and what the teacher says of its first epochs."""
    recipe = PROTOCOLS["soft_stored"]
    plan = make_plan(cutmix=True, batch_size=5, epochs=3)
    epochs = {
        epoch: record_labels(recipe, make_data(4), 16, plan, teacher, epoch=epoch, seed=8)
        for epoch in (1, 2, 3)
    }
    return recipe, plan, epochs


def test_given_labels_are_those_of_the_batch():
    targets = torch.rand(2, 3)
    assert own_targets(7, TrainingBatch(torch.zeros(2, 3, 4, 4), targets, slice(0, 2))) is targets


def test_a_teacher_is_asked_in_evaluation_mode_and_learns_nothing():
    network = nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.9), nn.Flatten(), nn.Linear(72, 3)
    )
    images = torch.randn(4, 3, 8, 8)
    batch = TrainingBatch(images, torch.zeros(4, 3), slice(0, 4))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    said = TeacherLabels(Passes(network, PRECISIONS["fp32"], CPU))(1, batch)
    assert not said.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        assert torch.allclose(said, network.eval()(images), atol=1e-6)


def test_stored_labels_are_what_the_teacher_says_of_the_same_batches(stored, teacher, make_data):
    recipe, plan, epochs = stored
    kept, asked = StoredLabels(epochs, CPU), TeacherLabels(teacher)
    seen = []
    for epoch in (1, 2, 3):
        assert epochs[epoch].shape == (12, 3)
        assert epochs[epoch].dtype == torch.float16
        for batch in recipe.batches(make_data(4), 16, plan, epoch_generator(8, epoch)):
            told = kept(epoch, batch)
            assert told.dtype == torch.float32
            assert torch.equal(told, asked(epoch, batch).half().float())
            seen.append(told)
    assert len(seen) == 9
    rows = torch.cat(seen)
    assert len(rows.unique(dim=0)) == len(rows)


def test_labels_of_other_batches_would_be_others(stored, teacher, make_data):
    recipe, plan, epochs = stored
    other = record_labels(recipe, make_data(4), 16, plan, teacher, epoch=1, seed=9)
    assert not torch.allclose(other.float(), epochs[1].float(), atol=1e-2)
    assert not torch.allclose(epochs[2].float(), epochs[1].float(), atol=1e-2)


def test_a_training_with_stored_labels_is_that_with_the_teacher(teacher, make_data, make_config):
    data, test = make_data(4), make_data(5, seed=1)

    def run(protocol, labels, batch_seed):
        config = make_config(
            protocol=protocol, epochs=6, batch_size=5, temperature=2.0, learning_rate=0.01
        )
        return train_network(
            data,
            test,
            network="convnet1",
            ipc=4,
            config=config,
            seed=3,
            labels=labels,
            batch_seed=batch_seed,
        )

    config = make_config(protocol="soft_stored", epochs=6, batch_size=5)
    plan = config.plan(4, 3, "convnet1")
    epochs = {
        epoch: record_labels(config.recipe, data, 16, plan, teacher, epoch=epoch, seed=8)
        for epoch in range(1, 7)
    }
    asked = run("soft", TeacherLabels(teacher), 8)
    kept = run("soft_stored", StoredLabels(epochs, CPU), 8)
    others = run("soft", TeacherLabels(teacher), 9)
    losses = [[row["train_loss"] for row in one.curve] for one in (asked, kept, others)]
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
    assert losses[2] != pytest.approx(losses[0], rel=5e-3)
    assert losses[0][-1] < losses[0][0]


def test_labels_that_half_precision_cannot_hold_are_refused(teacher, make_data, make_plan):
    with torch.no_grad():
        teacher.model.classifier.bias[1] = 1e6
    plan = make_plan(cutmix=True, batch_size=5, epochs=3)
    message = r"logits of the teacher: .* 12 of 12 .*place 0 of epoch 2; .*float16.*precision=fp32"
    with pytest.raises(FloatingPointError, match=message):
        record_labels(PROTOCOLS["soft_stored"], make_data(4), 16, plan, teacher, epoch=2, seed=8)
