"""Trainings on a graphics card: the host waits for validations, and not for an update."""

from collections import Counter

import pytest
import torch
from cards import NAME

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import NETWORKS, build_network, train_network
from mgd3_kedro.evaluation.labels import StoredLabels, TeacherLabels, own_targets, record_labels
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.protocols import PROTOCOLS
from mgd3_kedro.evaluation.rand_augment import OPERATIONS as RANDOM
from mgd3_kedro.evaluation.rand_augment import Drawn, rand_augment
from mgd3_kedro.evaluation.siamese import Siamese, apply_siamese
from mgd3_kedro.evaluation.siamese_operations import OPERATIONS

SIZE = 16
LARGEST = 256
"""Side that every network takes."""
DEVICE = torch.device(NAME)

# Copying a network asks where its weights are.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")


def make_labels(kind, images):
    teacher = Passes(build_network("convnet1", 3, SIZE).to(DEVICE), PRECISIONS["fp32"], DEVICE)
    return {
        "given": own_targets,
        "teacher": TeacherLabels(teacher),
        "stored": StoredLabels({1: torch.zeros(images, 3)}, DEVICE),
    }[kind]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_host_waits_for_no_update_of_any_protocol(protocol, card, make_config, make_data):
    data, test = make_data(4), make_data(2, seed=1)
    labels = make_labels(PROTOCOLS[protocol].labels, len(data.images))

    def train(updates):
        config = make_config(
            protocol=protocol, epochs=1, batch_size=len(data.images) // updates, device=NAME
        )
        result, waits = card.watch(
            lambda: train_network(
                data, test, network="convnet1", ipc=4, config=config, seed=0, labels=labels
            )
        )
        assert {weights.device for weights in result.network.parameters()} == {DEVICE}
        return waits

    few, many = train(2), train(4)
    assert few.total() > 0
    assert many - few == Counter()


@pytest.mark.parametrize("protocol", ["hard", "glad"])
def test_images_too_many_for_memory_come_to_the_card_batch_by_batch(
    protocol, card, make_config, make_data, monkeypatch
):
    monkeypatch.setattr("mgd3_kedro.evaluation.mapped.MOST_IN_MEMORY", 0)
    data, test = make_data(4).to(DEVICE), make_data(2, seed=1)
    assert (data.images.device.type, data.device) == ("cpu", DEVICE)
    config = make_config(protocol=protocol, epochs=1, batch_size=4, device=NAME)
    result, _ = card.watch(
        lambda: train_network(data, test, network="convnet1", ipc=4, config=config, seed=0)
    )
    assert {weights.device for weights in result.network.parameters()} == {DEVICE}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_host_waits_for_no_pass_through_any_network(network, card):
    with DEVICE:
        passes = Passes(build_network(network, 3, LARGEST), PRECISIONS["bf16"], DEVICE)
        inputs = torch.zeros(2, 3, LARGEST, LARGEST)
    _, waits = card.watch(passes.backward, inputs, lambda logits, rows: logits.mean())
    assert waits == Counter()
    assert all(weights.grad.device == DEVICE for weights in passes.model.parameters())


def test_the_host_waits_for_no_operation_of_rand_augment(card):
    images = torch.zeros(2, 3, SIZE, SIZE, dtype=torch.uint8, device=DEVICE)
    for number, name in enumerate(RANDOM):
        drawn = Drawn(torch.full((1, 2), number), torch.ones(1, 2))
        changed, waits = card.watch(rand_augment, images, drawn, 6)
        assert waits == Counter(), name
        assert changed.device == DEVICE


def test_the_host_waits_for_no_siamese_augmentation(card):
    images = torch.zeros(2, 3, SIZE, SIZE, device=DEVICE)
    for name, operation in OPERATIONS.items():
        values = operation.draw(2, SIZE, torch.Generator())
        changed, waits = card.watch(apply_siamese, images, Siamese(name, values))
        assert waits == Counter(), name
        assert changed.device == DEVICE


def test_the_host_waits_for_what_a_teacher_says_once_per_batch(card, make_config, make_data):
    recipe, data = PROTOCOLS["soft_stored"], make_data(4)
    teacher = make_labels("teacher", 12).teacher
    on_card = data.to(DEVICE)

    def record(batch_size):
        plan = make_config(protocol="soft_stored", batch_size=batch_size).plan(4, 3, "convnet1")
        record_labels(recipe, on_card, SIZE, plan, teacher, epoch=1, seed=0)

    (_, few), (_, many) = card.watch(record, 12), card.watch(record, 6)
    assert (many - few).total() == 1
