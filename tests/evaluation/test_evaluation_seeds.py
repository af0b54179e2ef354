"""What every epoch of a training draws, sees and is tested on."""

import pytest
import torch
from torch import nn

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import NETWORKS, LabelledSet, build_network, glad, train_network
from mgd3_kedro.evaluation.hard_label import mixed_batches
from mgd3_kedro.evaluation.labels import TeacherLabels, own_targets
from mgd3_kedro.evaluation.passes import Passes

UNCHANGED = {
    "cutmix": False,
    "flip_probability": 0.0,
    "crop_min_scale": 1.0,
    "jitter_strength": 0.0,
    "lighting_std": 0.0,
}
"""Settings with which images are shown as they are."""


class Watching(nn.Module):
    """A network with dropout that keeps what it sees, and what it drops.

    Args:
        num_classes: Of its logits.
        image_size: Of its images.
    """

    seen = None, None
    kept = None
    """Lists of the class, which a copy of the network goes on with."""

    def __init__(self, num_classes, image_size):
        super().__init__()
        self.classifier = nn.Linear(3 * image_size**2, num_classes)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images):
        self.seen[self.training].append(images.detach())
        inputs = self.dropout(torch.ones(images.shape[1:].numel()))
        if self.training:
            self.kept.append(inputs > 0)
        return self.classifier(images.flatten(1) * inputs)


@pytest.fixture
def watched(monkeypatch):
    """Offer a network that keeps what it sees."""
    monkeypatch.setattr(Watching, "seen", ([], []))
    monkeypatch.setattr(Watching, "kept", [])
    monkeypatch.setitem(NETWORKS, "watching", Watching)
    return Watching


def test_initial_weights_are_those_of_the_seed(make_config, make_data):
    def weights(seed):
        result = train_network(
            make_data(2),
            make_data(2, seed=1),
            network="convnet1",
            ipc=2,
            # So slow that weights stay what they are.
            config=make_config(epochs=1, learning_rate=1e-30, weight_decay=0.0),
            seed=seed,
            batch_seed=0,
        )
        return next(result.network.parameters())

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_every_epoch_and_every_seed_drops_other_units(make_config, make_data, watched):
    for seed in (0, 1):
        train_network(
            make_data(2),
            make_data(2, seed=1),
            network="watching",
            ipc=2,
            config=make_config(epochs=3, batch_size=6),
            seed=seed,
            batch_seed=0,
        )
    masks = [tuple(mask.tolist()) for mask in watched.kept]
    assert len(set(masks)) == len(masks) == 6


@pytest.mark.parametrize(
    ("epochs", "validations", "tested"),
    [(5, 2, [3, 5]), (7, 3, [3, 6, 7]), (15, 4, [4, 8, 12, 15]), (5, 1, [5])],
)
def test_the_last_epoch_is_tested_whether_or_not_its_turn_has_come(
    epochs, validations, tested, make_config, make_data
):
    result = train_network(
        make_data(1),
        make_data(1, seed=1),
        network="convnet1",
        ipc=1,
        config=make_config(epochs=epochs, validations=validations),
        seed=0,
    )
    assert [row["epoch"] for row in result.curve] == tested
    assert result.curve[-1]["top1"] == result.top1_last


@pytest.mark.parametrize("protocol", ["hard", "soft", "glad"])
def test_an_image_is_the_same_numbers_in_training_and_in_tests(
    protocol, make_config, watched, monkeypatch
):
    monkeypatch.setattr(glad, "STRATEGY", "flip")
    # Of one colour each, so that neither flips nor the place of a crop matter.
    values = torch.tensor([0, 255, 128], dtype=torch.uint8)
    data = LabelledSet(values[:, None, None, None].expand(-1, 3, 16, 16), torch.arange(3), 3)
    teacher = Passes(
        build_network("convnet1", 3, 16).eval(), PRECISIONS["fp32"], torch.device("cpu")
    )
    unchanged = {} if protocol == "glad" else UNCHANGED
    train_network(
        data,
        data,
        network="watching",
        ipc=1,
        config=make_config(protocol=protocol, epochs=1, batch_size=3, **unchanged),
        seed=0,
        labels=TeacherLabels(teacher) if protocol == "soft" else own_targets,
    )
    tested, trained = map(torch.cat, watched.seen)
    assert torch.allclose(trained.sort(0)[0], tested.sort(0)[0], atol=1e-5)


def test_a_mixed_image_is_labelled_by_the_share_of_its_pixels_whatever_it_was_cut_from(make_plan):
    values = torch.tensor([0, 255] * 4, dtype=torch.uint8)
    images = values[:, None, None, None].expand(-1, 3, 32, 32)
    data = LabelledSet(images, torch.tensor([0, 1] * 4), 2)
    plan = make_plan(batch_size=2, cutmix=True)
    shares = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        for batch in mixed_batches(data, 8, plan, generator):
            share = (batch.inputs[:, 0] > 0).float().mean((1, 2))
            assert torch.allclose(batch.targets[:, 1], share, atol=1e-5)
            shares += share.tolist()
    assert len(set(shares)) > 4


def test_every_image_of_a_batch_is_augmented_by_values_of_its_own(make_plan, monkeypatch):
    monkeypatch.setattr(glad, "STRATEGY", "rotate")
    images = torch.arange(16, dtype=torch.uint8).expand(6, 3, 16, 16) * 16
    data = LabelledSet(images, torch.arange(6), 6)
    generator = torch.Generator().manual_seed(0)
    (batch,) = glad.siamese_batches(data, 16, make_plan(batch_size=6), generator)
    assert len({tuple(image.flatten().tolist()) for image in batch.inputs}) == 6
