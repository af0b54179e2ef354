import logging
from dataclasses import replace

import pytest
import torch
from torch import nn

from mgd3_kedro.checkpoint import Checkpoint
from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation import (
    NETWORKS,
    DivergenceError,
    LabelledSet,
    build_network,
    train_network,
)
from mgd3_kedro.evaluation.labels import TeacherLabels, own_targets
from mgd3_kedro.evaluation.passes import Passes


@pytest.fixture
def train(make_config, make_data):
    """Train the smallest network on a few images."""
    data, test = make_data(4), make_data(7, seed=1)

    def run(
        seed=0,
        *,
        progress=None,
        checkpoint=None,
        labels=own_targets,
        network="convnet1",
        ipc=4,
        **changes,
    ):
        return train_network(
            data,
            test,
            network=network,
            ipc=ipc,
            config=make_config(**changes),
            seed=seed,
            labels=labels,
            checkpoint=checkpoint,
            progress=progress,
        )

    return run


@pytest.fixture
def teacher():
    """Return labels of an untrained network."""
    network = build_network("convnet1", 3, 16).eval()
    return TeacherLabels(Passes(network, PRECISIONS["fp32"], torch.device("cpu")))


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch):
    """Offer a small network with what ViT and the ResNets have: dropout and batch norm."""

    def build(num_classes, image_size):
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(4 * image_size**2, num_classes),
        )

    monkeypatch.setitem(NETWORKS, "tiny", build)


def same(a, b):
    weights = zip(a.network.state_dict().values(), b.network.state_dict().values(), strict=True)
    return (
        a.curve == b.curve
        and torch.equal(a.scores.confusion, b.scores.confusion)
        and a.scores.calibration_error == b.scores.calibration_error
        and all(torch.equal(one, other) for one, other in weights)
    )


def test_a_network_learns_to_tell_separable_classes_apart(make_config, make_data):
    result = train_network(
        make_data(10),
        make_data(40, seed=1),
        network="convnet2",
        ipc=10,
        config=make_config(presets={"test": 0.02}, learning_rate=0.02, validations=4),
        seed=0,
    )
    assert result.top1_last > 95
    assert result.curve[-1]["train_loss"] < 0.9 * result.curve[0]["train_loss"]


@pytest.mark.parametrize(
    "changes",
    [{}, {"network": "tiny"}, {"network": "tiny", "protocol": "glad", "epochs": 3}],
    ids=["hard", "dropout", "average"],
)
def test_the_same_seed_gives_the_same_result_whatever_the_global_generator(changes, train):
    torch.manual_seed(1)
    first = train(seed=5, **changes)
    torch.manual_seed(2)
    torch.rand(17)
    assert same(first, train(seed=5, **changes))


@pytest.mark.parametrize("network", ["convnet1", "vit"])
def test_a_training_leaves_the_global_generator_where_it_was(network, train):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    train(network=network, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_another_training(train):
    assert not same(train(seed=0), train(seed=1))


def test_a_training_reports_its_length_accuracy_and_confusion(train):
    result = train(batch_size=5)
    assert result.epochs == 4
    assert result.image_steps == 4 * 12
    assert result.parameters == 3 * 128 * 9 + 128 + 256 + 8 * 8 * 128 * 3 + 3
    assert result.seconds > 0
    assert [row["epoch"] for row in result.curve] == [1, 2, 3, 4]
    assert [row["step"] for row in result.curve] == [3, 6, 9, 12]
    assert list(result.curve[0]) == ["epoch", "step", "train_loss", "learning_rate", "top1"]
    assert [row["learning_rate"] for row in result.curve] == pytest.approx(
        [0.01, 0.01, 0.002, 0.0004]
    )
    assert result.scores.confusion.sum(1).tolist() == [7, 7, 7]
    assert result.top1_last == pytest.approx(100 * result.scores.confusion.trace().item() / 21)
    assert result.top1_last == result.curve[-1]["top1"]
    assert result.top1_best == max(row["top1"] for row in result.curve)


def test_the_network_that_was_tested_last_is_returned(train, make_data):
    result = train()
    assert not result.network.training
    test = make_data(7, seed=1)
    passes = Passes(result.network, PRECISIONS["fp32"], torch.device("cpu"))
    predicted = passes.classify(test.images).argmax(1)
    assert result.top1_last == pytest.approx(100 * (predicted == test.labels).sum().item() / 21)


@pytest.mark.parametrize(
    ("validations", "epochs"), [(1, [4]), (2, [2, 4]), (3, [2, 4]), (4, [1, 2, 3, 4]), (9, None)]
)
def test_test_images_are_classified_at_most_so_often_and_always_at_the_end(
    validations, epochs, train
):
    result = train(validations=validations)
    assert [row["epoch"] for row in result.curve] == (epochs or [1, 2, 3, 4])


def test_how_often_it_is_tested_changes_no_training(train):
    rarely, often = train(validations=1), train(validations=100)
    assert torch.equal(rarely.scores.confusion, often.scores.confusion)
    assert rarely.curve[-1]["train_loss"] == pytest.approx(
        sum(row["train_loss"] for row in often.curve) / len(often.curve)
    )


@pytest.mark.parametrize(("validations", "known"), [(4, [0, 1, 2, 3]), (2, [None, 0, 0, 1])])
def test_progress_hears_of_every_epoch_and_of_the_time_that_is_left(validations, known, train):
    heard = []
    result = train(validations=validations, progress=lambda *told: heard.append(told))
    rows = [None if number is None else result.curve[number] for number in known]
    assert [told[:3] for told in heard] == [(epoch, 4, row) for epoch, row in enumerate(rows, 1)]
    left = [told[3] for told in heard]
    assert left[-1] == 0
    assert all(seconds > 0 for seconds in left[:-1])


def test_bf16_trains_nearly_as_fp32_does(train):
    exact, rounded = train(), train(precision="bf16")
    assert rounded.curve != exact.curve
    assert rounded.curve[0]["train_loss"] == pytest.approx(exact.curve[0]["train_loss"], rel=0.02)


@pytest.mark.parametrize(
    "change",
    [
        {"cutmix": False},
        {"flip_probability": 0.0},
        {"crop_min_scale": 1.0},
        {"jitter_strength": 0.0},
        {"lighting_std": 0.0},
        {"learning_rate": 0.02},
        {"momentum": 0.0},
        {"weight_decay": 0.1},
        {"batch_size": 3},
        {"presets": {"test": 0.003}},
        {"epochs": 5},
        {"factor": 2},
    ],
)
def test_every_setting_of_the_config_reaches_the_training(train, change):
    assert not same(train(), train(**change))


def test_the_temperature_reaches_a_training_with_a_teacher(train, teacher):
    soft = {"protocol": "soft", "epochs": 2, "batch_size": 12, "labels": teacher}
    assert not same(train(**soft), train(**soft, temperature=2.0))


class Killed(BaseException):
    """What ends a process between two lines."""


INTERRUPTED = {
    "hard": {"epochs": 5, "batch_size": 5},
    "soft": {"protocol": "soft", "epochs": 5, "batch_size": 5},
    "dropout": {"network": "tiny", "epochs": 5, "batch_size": 5},
    "dropout and teacher": {
        "network": "tiny",
        "protocol": "soft",
        "epochs": 5,
        "batch_size": 5,
        "learning_rate": 0.01,
    },
}


def end_at(last):
    """Return a progress that ends the process at an epoch."""

    def progress(epoch, epochs, row, left):
        if epoch == last:
            raise Killed

    return progress


@pytest.mark.parametrize("name", INTERRUPTED)
def test_a_training_that_was_killed_goes_on_as_if_it_had_not_been(name, train, teacher, tmp_path):
    settings = dict(INTERRUPTED[name])
    if settings.get("protocol") == "soft":
        settings["labels"] = teacher
    whole = train(**settings)

    for epoch in (1, 3, 5):
        path = tmp_path / f"{epoch}.ckpt"
        with pytest.raises(Killed):
            train(
                **settings,
                checkpoint=Checkpoint(path, "same", seconds_between=0),
                progress=end_at(epoch),
            )
        heard = []
        resumed = train(
            **settings,
            checkpoint=Checkpoint(path, "same", seconds_between=0),
            progress=lambda at, *others, heard=heard: heard.append(at),
        )
        assert heard == list(range(epoch + 1, whole.epochs + 1))
        assert same(resumed, whole)


@pytest.mark.parametrize("changes", [{"protocol": "glad"}, {"validations": 2}])
def test_one_killed_between_two_validations_goes_on_with_their_losses(
    changes, train, tmp_path, monkeypatch
):
    settings = {**changes, "network": "tiny", "epochs": 6, "batch_size": 5}
    whole = train(**settings)
    save = Checkpoint.save

    def save_and_end(self, state):
        save(self, state)
        if state["epoch"] == 4:
            raise Killed

    path = tmp_path / "0.ckpt"
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_end)
        with pytest.raises(Killed):
            train(**settings, checkpoint=Checkpoint(path, "same", 0))
    assert same(train(**settings, checkpoint=Checkpoint(path, "same", 0)), whole)


def test_an_average_that_was_killed_after_its_last_checkpoint_is_tested_again(train, tmp_path):
    settings = {"protocol": "glad", "network": "tiny", "epochs": 5, "batch_size": 5}
    whole = train(**settings)
    path = tmp_path / "0.ckpt"
    with pytest.raises(Killed):
        train(**settings, checkpoint=Checkpoint(path, "same", 0), progress=end_at(5))
    assert same(train(**settings, checkpoint=Checkpoint(path, "same", 0)), whole)


def test_a_training_killed_before_its_first_checkpoint_starts_again(train, tmp_path):
    def progress(*told):
        raise Killed

    path = tmp_path / "0.ckpt"
    with pytest.raises(Killed):
        train(checkpoint=Checkpoint(path, "same"), progress=progress)
    assert not path.exists()
    assert same(train(checkpoint=Checkpoint(path, "same")), train())


@pytest.mark.parametrize("length", [0, 1000])
def test_one_whose_last_state_was_cut_goes_on_from_the_one_before(length, train, tmp_path):
    settings = {"network": "tiny", "epochs": 5, "batch_size": 5}
    whole = train(**settings)
    path = tmp_path / "0.ckpt"
    with pytest.raises(Killed):
        train(**settings, checkpoint=Checkpoint(path, "same", 0), progress=end_at(3))
    path.write_bytes(path.read_bytes()[:length])
    heard = []
    resumed = train(
        **settings,
        checkpoint=Checkpoint(path, "same", 0),
        progress=lambda at, *others: heard.append(at),
    )
    assert heard == [3, 4, 5]
    assert same(resumed, whole)


def test_the_seconds_of_all_attempts_are_added_up(train, tmp_path):
    checkpoint = Checkpoint(tmp_path / "0.ckpt", "same", seconds_between=0)
    train(checkpoint=checkpoint)
    state = checkpoint.load()
    checkpoint.save({**state, "seconds": state["seconds"] + 1000})
    assert train(checkpoint=checkpoint).seconds > 1000


def test_a_checkpoint_of_other_code_or_data_is_left_aside(train, tmp_path, caplog):
    path = tmp_path / "0.ckpt"
    train(seed=9, checkpoint=Checkpoint(path, "other", seconds_between=0))
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        result = train(checkpoint=Checkpoint(path, "same", seconds_between=0))
    assert "belongs to other code, configuration or data" in caplog.text
    assert same(result, train())


def test_a_loss_that_is_not_finite_stops_the_training_with_advice(train):
    with pytest.raises(
        DivergenceError,
        match=r"convnet1: expected a finite loss, got \S+ by epoch .* of 4; lower "
        r"evaluation\.learning_rate \(1e\+30\)",
    ) as caught:
        train(learning_rate=1e30, batch_size=5)
    assert caught.value.epoch == 1
    assert caught.value.curve == []
    assert caught.value.seconds > 0


def test_what_was_measured_before_is_kept_when_a_loss_explodes(train):
    with pytest.raises(DivergenceError) as caught:
        train(learning_rate=1e30)
    error = caught.value
    assert [row["epoch"] for row in error.curve] == list(range(1, error.epoch))
    assert error.epoch > 1


def test_data_that_do_not_fit_each_other_are_refused(make_config, make_data):
    data, settings = make_data(2), {"network": "convnet1", "ipc": 2, "seed": 0}
    with pytest.raises(ValueError, match="images: expected the size of the test images, 12 px"):
        train_network(data, make_data(2, size=12), config=make_config(), **settings)
    four = LabelledSet(data.images, data.labels, 4)
    with pytest.raises(ValueError, match="test_images: expected 3 classes, got 4"):
        train_network(data, four, config=make_config(), **settings)


def test_crops_of_the_soft_protocol_come_from_images_of_any_size(make_config, make_data, teacher):
    config = make_config(protocol="soft", epochs=1, batch_size=6)
    result = train_network(
        make_data(2, size=20),
        make_data(2, seed=1),
        network="convnet1",
        ipc=2,
        config=config,
        seed=0,
        labels=teacher,
    )
    assert result.scores.confusion.sum() == 6


def test_an_unknown_network_or_an_impossible_seed_is_refused(train):
    with pytest.raises(ValueError, match="unknown network 'lenet'"):
        train(network="lenet")
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match="seed"):
            train(seed=seed)
    # Of the third training on the images of the largest seed.
    assert train(seed=(2**32 - 1) * 3 + 2).curve != train(seed=(2**32 - 1) * 3 + 1).curve


@pytest.mark.parametrize("protocol", ["hard", "soft", "glad"])
def test_images_that_count_for_nothing_teach_nothing(protocol, make_config, make_data, teacher):
    data, test = make_data(4), make_data(7, seed=1)
    weights = torch.tensor([1.0, 1, 1, 0]).repeat(3)
    unmixed = {} if protocol == "glad" else {"cutmix": False}
    config = make_config(protocol=protocol, epochs=2, batch_size=12, **unmixed)
    labels = teacher if protocol == "soft" else own_targets
    states = []
    for noise in (0, 1):
        other = torch.randint(
            0, 256, data.images.shape, generator=torch.Generator().manual_seed(noise)
        )
        images = torch.where(weights.bool()[:, None, None, None], data.images, other.byte())
        weighted = LabelledSet(images, data.labels, 3, weights)
        result = train_network(
            weighted, test, network="convnet1", ipc=4, config=config, seed=0, labels=labels
        )
        states.append(result.network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    alike = train_network(
        data, test, network="convnet1", ipc=4, config=config, seed=0, labels=labels
    )
    assert not torch.equal(next(alike.network.parameters()), next(iter(states[0].values())))


def test_equal_weights_are_none(make_config, make_data):
    data, test = make_data(4), make_data(7, seed=1)
    found = [
        train_network(
            replace(data, weights=weights),
            test,
            network="convnet1",
            ipc=4,
            config=make_config(epochs=2),
            seed=0,
        ).curve[-1]["train_loss"]
        for weights in (None, torch.ones(12))
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-5)
