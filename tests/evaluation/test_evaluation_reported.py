"""What is reported of a training: after the last epoch, the best, the authors' best, balanced."""

from dataclasses import replace

import pytest
import torch

from mgd3_kedro.evaluation import NETWORKS, PROTOCOLS, train_network
from mgd3_kedro.evaluation.protocols import HARD_LABEL, SOFT_LABEL
from mgd3_kedro.evaluation.scores import score


@pytest.fixture
def train(make_config, make_data, monkeypatch):
    """Train by a protocol whose authors report some epochs, at a rate that makes it jump."""

    def by(reported, **changes):
        monkeypatch.setitem(PROTOCOLS, "theirs", replace(HARD_LABEL, reported=reported))
        config = make_config(protocol="theirs", learning_rate=0.3, **changes)
        return train_network(
            make_data(4), make_data(7, seed=1), network="convnet1", ipc=4, config=config, seed=0
        )

    return by


def test_authors_of_a_soft_training_test_every_tenth_epoch_of_the_last_fifth(make_plan):
    tested = [epoch for epoch in range(1, 301) if SOFT_LABEL.reported(epoch, make_plan(epochs=300))]
    assert tested == [250, 260, 270, 280, 290, 300]
    short = [epoch for epoch in range(1, 38) if SOFT_LABEL.reported(epoch, make_plan(epochs=37))]
    assert short == [37]


def test_the_best_that_authors_report_is_of_their_epochs_and_these_are_validated(train):
    result = train(lambda epoch, plan: epoch in (3, 5), epochs=8, validations=2)
    assert [row["epoch"] for row in result.curve] == [3, 4, 5, 8]
    of = {row["epoch"]: row["top1"] for row in result.curve}
    assert result.top1_reported == max(of[3], of[5])
    assert result.top1_best == max(of.values())


def test_without_a_rule_of_their_own_authors_report_the_best_of_all_validations(train):
    result = train(None, epochs=8, validations=4)
    assert [row["epoch"] for row in result.curve] == [2, 4, 6, 8]
    assert result.top1_reported == result.top1_best


def test_more_validations_change_no_training(train):
    few, many = (train(None, epochs=6, validations=count) for count in (1, 6))
    for one, other in zip(few.network.parameters(), many.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert few.top1_last == many.top1_last


def test_balanced_accuracy_is_the_mean_of_the_classes_that_are_there():
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 3, 3])
    predicted = torch.tensor([0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    scores = score(torch.eye(4)[predicted], labels)
    assert scores.top1 == 70
    assert scores.balanced == pytest.approx((100 + 50 + 0) / 3)


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_soft_trainings_of_some_networks_have_smaller_learning_rates(network):
    expected = {"vgg11": 5e-4, "alexnet": 1e-4, "vit": 1e-4}.get(network, 1e-3)
    for protocol in ("soft", "soft_stored"):
        assert PROTOCOLS[protocol].defaults(10, 10, network).learning_rate == expected
